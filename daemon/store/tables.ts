import type { Generated, Kysely, Selectable, Transaction } from 'kysely'

/** The columns as SQLite holds them; JSON as text, truth as 0 and 1. The migrations are the source. */
export interface Tables {
  repository: { id: string; path: string | null; url: string | null; gitDir: string; createdAt: number }
  goal: {
    id: string
    number: number
    text: string
    branch: string
    repositoryId: string
    targetBranch: string
    baseCommit: string | null
    land: string
    autonomy: string
    limits: string
    agent: string | null
    permissions: string | null
    source: string
    state: string
    quarantine: string | null
    wakeAt: number | null
    reportFile: string | null
    outcome: string | null
    createdAt: number
    endedAt: number | null
    idempotencyKey: string | null
  }
  consent: {
    id: Generated<number>
    at: number
    subject: string
    verdict: string
    goalId: string | null
    repositoryId: string | null
    by: string
  }
  plan: {
    id: string
    goalId: string
    version: number
    state: string
    draft: string | null
    author: string
    request: string
    reasons: string
    baseline: string
    baseCommit: string | null
    createdAt: number
  }
  task: {
    id: string
    goalId: string
    planId: string
    number: number
    spec: string
    state: string
    baseCommit: string | null
    commit: string | null
    worktree: string | null
    workFailures: number
    softFailures: number
    next: string | null
    notBefore: number | null
    reason: string | null
    createdAt: number
    endedAt: number | null
  }
  run: {
    id: string
    taskId: string
    goalId: string
    attempt: number
    purpose: string
    agent: string
    state: string
    outcome: string | null
    failure: string | null
    note: string | null
    worktree: string
    pid: number | null
    pidStart: string | null
    sessionId: string | null
    turns: number
    commit: string | null
    before: string | null
    usage: string
    startedAt: number
    endedAt: number | null
  }
  proof: {
    id: string
    kind: string
    goalId: string
    taskId: string | null
    runId: string | null
    contract: string
    base: string
    commit: string
    tree: string
    results: string
    before: string | null
    setup: string | null
    guards: string
    review: string | null
    passed: number
    sandbox: string
    createdAt: number
  }
  landing: {
    id: string
    goalId: string
    taskId: string | null
    state: string
    branch: string
    onto: string
    commit: string
    merged: string | null
    proofId: string | null
    note: string | null
    createdAt: number
    endedAt: number | null
  }
  ask: {
    id: string
    number: number
    kind: string
    goalId: string
    taskId: string | null
    runId: string | null
    question: string
    detail: string
    choices: string
    freeText: number
    fingerprint: string | null
    state: string
    answer: string | null
    settledAt: number | null
    createdAt: number
  }
  effect: {
    id: string
    goalId: string
    taskId: string
    number: number
    spec: string
    state: string
    note: string | null
    createdAt: number
    changedAt: number
  }
  steer: {
    id: Generated<number>
    goalId: string
    taskId: string | null
    text: string
    by: string
    createdAt: number
    takenAt: number | null
  }
  event: {
    id: Generated<number>
    at: number
    type: string
    goalId: string | null
    taskId: string | null
    runId: string | null
    data: string
  }
  job: {
    id: Generated<number>
    name: string
    key: string
    data: string
    runAt: number
    seq: number
    tries: number
    lastError: string | null
  }
  schedule: {
    id: string
    number: number
    name: string | null
    when: string
    words: string
    template: string
    condition: string | null
    misfire: string
    overlap: string
    jitterMs: number
    endAt: number | null
    firingsMax: number | null
    state: string
    reason: string | null
    cursorAt: number
    nextAt: number | null
    fired: number
    seen: string | null
    createdAt: number
    endedAt: number | null
    idempotencyKey: string | null
  }
  firing: {
    id: string
    scheduleId: string
    key: string
    cause: string
    dueAt: number
    state: string
    reason: string | null
    goalId: string | null
    payload: string | null
    createdAt: number
    settledAt: number | null
  }
  setting: { name: string; value: string }
  token: {
    id: string
    name: string
    hash: string
    scopes: string
    createdAt: number
    expiresAt: number | null
    lastUsedAt: number | null
    revokedAt: number | null
  }
  outsideTool: {
    server: string
    name: string
    agreed: string | null
    seen: string | null
    isAlways: number
    changedAt: number
  }
  toolserver: { id: string; name: string }
  skillConsent: { digest: string; name: string; repository: string; isAllowed: number; by: string; at: number }
  scratch: { id: Generated<number>; goalId: string; taskId: string; runId: string; at: number; text: string }
  spend: {
    id: Generated<number>
    at: number
    settledAt: number | null
    day: string
    goalId: string | null
    taskId: string | null
    runId: string | null
    agent: string
    purpose: string
    upstream: string
    api: string
    model: string
    state: string
    status: number | null
    inputTokens: number
    cachedTokens: number
    cacheWriteTokens: number
    outputTokens: number
    reasoningTokens: number
    usd: number | null
    /** How many requests it stands for: old ones are put together. */
    requests: Generated<number>
  }
  person: { id: string; name: string; role: string; createdAt: number; removedAt: number | null }
  identity: { channel: string; senderId: string; personId: string; name: string; createdAt: number }
  pairing: {
    code: string
    channel: string
    senderId: string
    senderName: string
    chatId: string
    createdAt: number
    expiresAt: number
  }
  chat: {
    id: string
    channel: string
    chatId: string
    kind: string
    personId: string | null
    notBefore: number
    failures: number
    lastSentAt: number
    summary: string | null
    summarizedTo: number
    createdAt: number
  }
  chat_event: {
    id: Generated<number>
    channel: string
    eventId: string
    chatId: string
    personId: string | null
    data: string
    state: string
    note: string | null
    receivedAt: number
    settledAt: number | null
  }
  chat_turn: {
    id: Generated<number>
    chatId: string
    eventId: number | null
    at: number
    kind: string
    by: string
    text: string
    data: string | null
    tainted: number
  }
  chat_out: {
    id: Generated<number>
    key: string
    chatId: string
    text: string
    buttons: string | null
    file: string | null
    replyTo: string | null
    version: number
    sentVersion: number
    state: string
    messageId: string | null
    carriedBy: number | null
    notBefore: number
    error: string | null
    createdAt: number
    sentAt: number | null
  }
  proposal: {
    number: Generated<number>
    chatId: string
    personId: string
    tool: string
    input: string
    words: string
    state: string
    createdAt: number
    settledAt: number | null
  }
  attachment: {
    id: string
    chatId: string
    eventId: number
    goalId: string | null
    personId: string
    name: string
    mime: string
    bytes: number
    file: string
    createdAt: number
  }
  channel_memory: { channel: string; key: string; value: string }
  upstream: {
    name: string
    pausedUntil: number | null
    why: string | null
    refusals: number
    width: number | null
  }
}

/** Reads and single writes outside a transaction. */
export type Db = Kysely<Tables>
/** Inside one: everything or nothing. Never use the outer `Db` while one is open, they share a connection. */
export type Tx = Transaction<Tables>
export type Row<T extends keyof Tables> = Selectable<Tables[T]>
