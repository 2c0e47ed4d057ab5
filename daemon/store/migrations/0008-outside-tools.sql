-- Tools of the owner's MCP servers: what was agreed to, and what the server says now.
create table outsideTool (
  server text not null,
  name text not null,
  -- JSON: what models are told of it; null while it was never agreed to.
  agreed text,
  -- JSON: how the server describes it now; null when the server has it no more.
  seen text,
  -- The owner's answer "always" to an ask; it goes when the tool changes.
  isAlways integer not null default 0,
  changedAt integer not null,
  primary key (server, name)
) strict;

-- What processes of a server carry, so that they are found after a crash.
create table toolserver (
  id text primary key,
  name text not null unique
) strict;

-- Skills of repositories that the owner let agents use, by what they held.
create table skillConsent (
  digest text primary key,
  name text not null,
  repository text not null,
  isAllowed integer not null,
  by text not null,
  at integer not null
) strict;
