CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, what text NOT NULL);
CREATE TABLE IF NOT EXISTS migrations (at timestamptz NOT NULL DEFAULT now());
INSERT INTO migrations DEFAULT VALUES;
