DROP TABLE notices;
DROP TABLE callback_items;
DROP TABLE callbacks;
ALTER TABLE links DROP COLUMN waiting;
DROP TABLE given;
DROP TABLE asked;
ALTER TABLE pulls DROP COLUMN place;
