-- What an owner agreed to, or refused, so that they are asked once: which secret may be given to whose runs.
create table consent (
  id integer primary key autoincrement,
  at integer not null,
  -- The reference of a secret, never the secret.
  subject text not null,
  verdict text not null,
  -- One of the two: for this goal, or for every goal in the repository.
  goalId text references goal (id),
  repositoryId text references repository (id),
  by text not null
) strict;
create index consent_subject on consent (subject);

-- How much the goal's agents may do without the owner; null: as the configuration says.
alter table goal add column permissions text;
