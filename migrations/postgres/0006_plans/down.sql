DROP TABLE plan_done;
DROP TABLE plan_pages;
DROP TABLE plans;
