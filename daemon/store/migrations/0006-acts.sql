-- What tasks of kind `act` may have changed outside, each with its undo step; written before the first run that may
-- bring it about begins.
create table effect (
  id text primary key,
  goalId text not null references goal (id),
  taskId text not null references task (id),
  number integer not null,
  spec text not null,
  state text not null,
  note text,
  createdAt integer not null,
  changedAt integer not null,
  unique (taskId, number)
) strict;
create index effect_goal on effect (goalId);

-- What an act's probes said before a run, and, beside its proof, before the first.
alter table run add column before text;
alter table proof add column before text;
