{{ config(materialized='table', schema='gold') }}

-- What an airport's departures of one hour were like.  A delay is known when the flight has landed, so the row counts
-- from six hours after its hour: a feature that a model may use must not look into the future.
SELECT
    origin,
    date_trunc('hour', date) + INTERVAL 7 HOUR AS event_timestamp,
    count(*) AS flights,
    avg(delay) AS mean_delay,
    quantile_cont(delay, 0.9) AS p90_delay,
    avg(CASE WHEN delay >= 15 THEN 1.0 ELSE 0.0 END) AS share_late
FROM {{ ref('flights') }}
GROUP BY origin, date_trunc('hour', date)
