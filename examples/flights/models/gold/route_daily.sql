{{ config(materialized='table', schema='gold') }}

-- What a route was like on one day, counted from six hours after the day has ended.
SELECT
    origin,
    destination,
    date_trunc('day', date) + INTERVAL 30 HOUR AS event_timestamp,
    count(*) AS flights,
    avg(delay) AS mean_delay,
    quantile_cont(delay, 0.9) AS p90_delay,
    avg(CASE WHEN delay >= 15 THEN 1.0 ELSE 0.0 END) AS share_late
FROM {{ ref('flights') }}
GROUP BY origin, destination, date_trunc('day', date)
