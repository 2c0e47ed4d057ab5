-- Tokens of the owner's clients over MCP. Only a hash is kept: whoever reads the database cannot call with it.
create table token (
  id text primary key,
  name text not null,
  hash text not null unique,
  -- JSON: `read`, `act`.
  scopes text not null,
  createdAt integer not null,
  expiresAt integer,
  lastUsedAt integer,
  revokedAt integer
) strict;
create unique index token_name on token (name) where revokedAt is null;

-- What the tasks of one goal leave for each other.
create table scratch (
  id integer primary key autoincrement,
  goalId text not null references goal (id),
  taskId text not null references task (id),
  runId text not null references run (id),
  at integer not null,
  text text not null
) strict;
create index scratch_goal on scratch (goalId, id);
