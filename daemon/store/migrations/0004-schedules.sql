-- What sets itself off: by the clock, by a signed call, by files that change, by a goal that ends.
create table schedule (
  id text primary key,
  number integer not null unique,
  name text,
  "when" text not null,
  words text not null,
  template text not null,
  condition text,
  misfire text not null,
  overlap text not null,
  jitterMs integer not null,
  endAt integer,
  firingsMax integer,
  state text not null,
  reason text,
  cursorAt integer not null,
  nextAt integer,
  fired integer not null,
  -- What a watched path looked like when it was last seen.
  seen text,
  createdAt integer not null,
  endedAt integer,
  idempotencyKey text unique
) strict;
create index schedule_due on schedule (nextAt) where state = 'active' and nextAt is not null;
create unique index schedule_name on schedule (name) where state <> 'removed';

-- Written before its goal is made; the goal carries its id as idempotency key.
create table firing (
  id text primary key,
  scheduleId text not null references schedule (id),
  key text not null,
  cause text not null,
  dueAt integer not null,
  state text not null,
  reason text,
  goalId text references goal (id),
  payload text,
  createdAt integer not null,
  settledAt integer,
  unique (scheduleId, key)
) strict;
create index firing_open on firing (scheduleId, dueAt) where state in ('due', 'waiting');
create index firing_history on firing (scheduleId, createdAt);
create index firing_goal on firing (goalId) where goalId is not null;
