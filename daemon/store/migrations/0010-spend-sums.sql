-- Old requests of one run and model become one row; it says how many they were.
alter table spend add column requests integer not null default 1;
