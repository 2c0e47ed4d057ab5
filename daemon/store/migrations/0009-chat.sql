-- People, where they write, what they wrote and what they were told.

create table person (
  id text primary key,
  name text not null,
  -- owner, member, guest
  role text not null,
  createdAt integer not null,
  removedAt integer
) strict;
create unique index person_name on person (name) where removedAt is null;

-- One person may write over several channels; the id is the channel's, never a name that people choose.
create table identity (
  channel text not null,
  senderId text not null,
  personId text not null references person (id),
  name text not null,
  createdAt integer not null,
  primary key (channel, senderId)
) strict, without rowid;

create table pairing (
  code text primary key,
  channel text not null,
  senderId text not null,
  senderName text not null,
  chatId text not null references chat (id),
  createdAt integer not null,
  expiresAt integer not null,
  unique (channel, senderId)
) strict;

create table chat (
  id text primary key,
  channel text not null,
  chatId text not null,
  kind text not null,
  -- The person of a direct chat, once it is known.
  personId text references person (id),
  -- Nothing is sent before this moment: a limit of the other side, or a pause after failures.
  notBefore integer not null,
  failures integer not null,
  lastSentAt integer not null,
  -- What is older than `summarizedTo` (a turn) is told to the brain in these words alone.
  summary text,
  summarizedTo integer not null,
  createdAt integer not null,
  unique (channel, chatId)
) strict;

-- Written before it is acknowledged to the other side.
create table chat_event (
  id integer primary key autoincrement,
  channel text not null,
  eventId text not null,
  chatId text not null references chat (id),
  personId text references person (id),
  data text not null,
  -- new, done, ignored
  state text not null,
  note text,
  receivedAt integer not null,
  settledAt integer,
  unique (channel, eventId)
) strict;
create index chat_event_new on chat_event (chatId, id) where state = 'new';

-- The record of each conversation; nothing of it is ever taken away.
create table chat_turn (
  id integer primary key autoincrement,
  chatId text not null references chat (id),
  -- The event that it belongs to; null: Claw spoke by itself.
  eventId integer references chat_event (id),
  at integer not null,
  -- person, claw, call
  kind text not null,
  by text not null,
  text text not null,
  -- JSON: for a call its tool, input and what came of it.
  data text,
  -- 1: others than the speaker had a hand in these words.
  tainted integer not null
) strict;
create index chat_turn_chat on chat_turn (chatId, id);

-- One row per message of ours. What the other side shows is `sentVersion`; an edit raises `version`, so that of
-- many edits only the last is sent.
create table chat_out (
  id integer primary key autoincrement,
  key text not null unique,
  chatId text not null references chat (id),
  text text not null,
  buttons text,
  file text,
  replyTo text,
  version integer not null,
  sentVersion integer not null,
  -- due, sending, sent, dropped
  state text not null,
  messageId text,
  -- Several answers that waited together went as one message: the row that carried this one.
  carriedBy integer,
  notBefore integer not null,
  error text,
  createdAt integer not null,
  sentAt integer
) strict;
create index chat_out_due on chat_out (chatId, id) where state in ('due', 'sending');
create index chat_out_message on chat_out (chatId, messageId);

-- What a brain wants to do after it has read words of others: done only when a person with the right says so.
create table proposal (
  number integer primary key autoincrement,
  chatId text not null references chat (id),
  personId text not null references person (id),
  tool text not null,
  input text not null,
  words text not null,
  -- open, done, refused, expired
  state text not null,
  createdAt integer not null,
  settledAt integer
) strict;

create table attachment (
  id text primary key,
  chatId text not null references chat (id),
  eventId integer not null references chat_event (id),
  goalId text references goal (id),
  personId text not null references person (id),
  name text not null,
  mime text not null,
  bytes integer not null,
  file text not null,
  createdAt integer not null,
  unique (eventId, file)
) strict;
create index attachment_goal on attachment (goalId) where goalId is not null;
create index attachment_chat on attachment (chatId, createdAt) where goalId is null;

create table channel_memory (
  channel text not null,
  key text not null,
  value text not null,
  primary key (channel, key)
) strict, without rowid;
