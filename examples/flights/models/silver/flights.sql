{{ config(materialized='table', schema='silver', partition_by='day(date)') }}

-- One row a departure: typed, each exact repetition taken out, rows that cannot be true left behind.
SELECT DISTINCT
    date,
    CAST(delay AS INTEGER) AS delay,
    CAST(distance AS INTEGER) AS distance,
    origin,
    destination
FROM {{ source('bronze', 'flights') }}
WHERE date IS NOT NULL
  AND delay BETWEEN -1440 AND 2880
  AND distance > 0
  AND length(origin) = 3
  AND length(destination) = 3
  AND origin <> destination
