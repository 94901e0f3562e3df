-- The rows to predict: each departure with its keys and time, what is known of it beforehand, and the label.
SELECT
    date AS event_timestamp,
    origin,
    destination,
    distance,
    CAST(hour(date) AS INTEGER) AS hour_of_day,
    CAST(dayofweek(date) AS INTEGER) AS day_of_week,
    delay >= 15 AS late
FROM silver.flights
