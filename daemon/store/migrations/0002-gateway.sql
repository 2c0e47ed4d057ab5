-- What models were asked and what it cost. A row stands before the request leaves: until it is settled its
-- tokens and money are what the request can cost at most, so a crash never makes the sums too small.

create table spend (
  id integer primary key autoincrement,
  at integer not null,
  settledAt integer,
  -- The owner's calendar day, `2026-11-23`.
  day text not null,
  goalId text references goal (id),
  taskId text references task (id),
  runId text references run (id),
  agent text not null,
  purpose text not null,
  upstream text not null,
  api text not null,
  model text not null,
  state text not null,
  status integer,
  inputTokens integer not null,
  cachedTokens integer not null,
  cacheWriteTokens integer not null,
  outputTokens integer not null,
  reasoningTokens integer not null,
  usd real
) strict;
create index spend_goal on spend (goalId);
create index spend_task on spend (taskId);
create index spend_day on spend (day);
create index spend_open on spend (state) where state = 'reserved';

-- A provider that limits us, shared by all runs and kept over restarts.
create table upstream (
  name text primary key,
  pausedUntil integer,
  why text,
  -- Times in a row that it limited us.
  refusals integer not null,
  width integer
) strict;
