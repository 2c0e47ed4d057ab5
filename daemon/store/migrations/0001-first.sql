-- Moments are milliseconds since the epoch. JSON columns hold what core/*.ts describes.

create table repository (
  id text primary key,
  path text unique,
  url text unique,
  gitDir text not null unique,
  createdAt integer not null
) strict;

create table goal (
  id text primary key,
  number integer not null unique,
  text text not null,
  branch text not null,
  repositoryId text not null references repository (id),
  targetBranch text not null,
  baseCommit text,
  land text not null,
  autonomy text not null,
  limits text not null,
  agent text,
  source text not null,
  state text not null,
  quarantine text,
  wakeAt integer,
  reportFile text,
  outcome text,
  createdAt integer not null,
  endedAt integer,
  idempotencyKey text unique
) strict;
create index goal_state on goal (state);
create index goal_unreported on goal (id) where reportFile is null;

create table plan (
  id text primary key,
  goalId text not null references goal (id),
  version integer not null,
  state text not null,
  draft text,
  author text not null,
  request text not null,
  reasons text not null,
  baseline text not null,
  baseCommit text,
  createdAt integer not null,
  unique (goalId, version)
) strict;

create table task (
  id text primary key,
  goalId text not null references goal (id),
  planId text not null references plan (id),
  number integer not null,
  spec text not null,
  state text not null,
  baseCommit text,
  "commit" text,
  worktree text,
  workFailures integer not null,
  softFailures integer not null,
  next text,
  notBefore integer,
  reason text,
  createdAt integer not null,
  endedAt integer,
  unique (goalId, number)
) strict;
create index task_state on task (state);
create index task_in_worktree on task (id) where worktree is not null;

create table run (
  id text primary key,
  taskId text not null references task (id),
  goalId text not null references goal (id),
  attempt integer not null,
  purpose text not null,
  agent text not null,
  state text not null,
  outcome text,
  failure text,
  note text,
  worktree text not null,
  pid integer,
  pidStart text,
  sessionId text,
  turns integer not null,
  "commit" text,
  usage text not null,
  startedAt integer not null,
  endedAt integer,
  unique (taskId, attempt)
) strict;
create index run_goal on run (goalId);
create index run_open on run (state) where state <> 'ended';

create table proof (
  id text primary key,
  kind text not null,
  goalId text not null references goal (id),
  taskId text references task (id),
  runId text references run (id),
  contract text not null,
  base text not null,
  "commit" text not null,
  tree text not null,
  results text not null,
  setup text,
  guards text not null,
  review text,
  passed integer not null,
  sandbox text not null,
  createdAt integer not null
) strict;
create index proof_task on proof (taskId);
create index proof_goal on proof (goalId);
create trigger proof_is_immutable before update on proof begin select raise(abort, 'a proof is never updated'); end;

create table landing (
  id text primary key,
  goalId text not null references goal (id),
  taskId text references task (id),
  state text not null,
  branch text not null,
  onto text not null,
  "commit" text not null,
  merged text,
  proofId text references proof (id),
  note text,
  createdAt integer not null,
  endedAt integer
) strict;
create index landing_goal on landing (goalId);

create table ask (
  id text primary key,
  number integer not null unique,
  kind text not null,
  goalId text not null references goal (id),
  taskId text references task (id),
  runId text references run (id),
  question text not null,
  detail text not null,
  choices text not null,
  freeText integer not null,
  fingerprint text,
  state text not null,
  answer text,
  settledAt integer,
  createdAt integer not null
) strict;
create index ask_goal on ask (goalId);
create index ask_open on ask (state) where state = 'open';

-- The owner's later words, kept until a plan or a run has taken them up.
create table steer (
  id integer primary key,
  goalId text not null references goal (id),
  taskId text references task (id),
  text text not null,
  "by" text not null,
  createdAt integer not null,
  takenAt integer
) strict;
create index steer_waiting on steer (goalId) where takenAt is null;

create table event (
  id integer primary key autoincrement,
  at integer not null,
  type text not null,
  goalId text,
  taskId text,
  runId text,
  data text not null
) strict;
create index event_goal on event (goalId, id);

create table job (
  id integer primary key autoincrement,
  name text not null,
  key text not null,
  data text not null,
  runAt integer not null,
  -- Rises each time the same job is sent again, so that one sent while it runs is run once more.
  seq integer not null,
  tries integer not null,
  lastError text,
  unique (name, key)
) strict;
create index job_due on job (runAt);

create table setting (name text primary key, value text not null) strict;
