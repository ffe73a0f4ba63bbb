DROP TABLE state_inputs;
DROP TABLE decisions;
DROP INDEX holds_by_account;
ALTER TABLE holds DROP COLUMN account;
ALTER TABLE changes DROP COLUMN allowed;
DROP TABLE allowances;
