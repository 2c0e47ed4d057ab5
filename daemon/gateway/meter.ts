import type { Config } from '../../config/schema.ts'
import { Fault } from '../../core/fault.ts'
import type { GoalId } from '../../core/goal.ts'
import { NO_TOKENS, type Tokens } from '../../core/spend.ts'
import type { World } from '../../core/world.ts'
import type { TurnSpend } from '../agents/agent.ts'
import { keepLostSpend, limitFactor, markOnce, sumSpend } from '../store/ledger-rows.ts'
import { addEvent, getGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { AnsweredRequest } from '../telemetry/spans.ts'
import type { Ledger } from './ledger.ts'
import { type Amount, amountInWords, dayOf, judgeLimits, type LimitScope, type LimitUse } from './limits.ts'
import type { Prices } from './prices.ts'
import type { Caller } from './run-tokens.ts'
import type { Upstream } from './upstreams.ts'
import type { Api } from './wire.ts'

/**
 * Counts what is spent and holds it against the owner's limits.
 *
 * The sums live in memory and are read from the ledger once; the ledger is what survives. What a request
 * can cost at most stands in the ledger before it leaves; what it will probably cost is held against the
 * limits while it is under way.
 */
export interface Meter {
  /**
   * Asks whether the caller may spend. `go` holds the expected amount until `done`; `wait`: what is under
   * way must end first, see `settled`.
   */
  admit(caller: Caller, expected: Amount): Promise<Admission>
  /** Resolves when something under way has ended. */
  settled(): Promise<void>
  /** On the disk when it returns. */
  reserve(caller: Caller, request: MeteredRequest): Promise<Reservation>
  /**
   * A turn of an agent with a login of its own: its requests do not pass here, so it is counted by what it
   * reports. Its row is on the disk when this returns. Throws provider_limited where nothing may be spent.
   */
  openTurn(caller: Caller, bound: Tokens): Promise<OpenTurn>
  priceOf(upstream: Upstream, model: string, tokens: Tokens): number | undefined
}

export interface OpenTurn {
  /** Null: nobody knows what it used, so the estimate stays. */
  end(spent: TurnSpend | null): void
}

export type Admission = { do: 'go'; done(): void } | { do: 'wait' } | { do: 'refuse'; limit: LimitUse }

export interface MeteredRequest {
  upstream: Upstream
  api: Api
  model: string
  /** What it can cost at most. */
  bound: Tokens
}

export interface Reservation {
  settle(state: 'settled' | 'estimated' | 'void', tokens: Tokens, status: number | null): void
}

export interface MeterDeps {
  store: Store
  ledger: Ledger
  world: World
  prices: Prices
  limits: Config['limits']
  /** A limit was reached: the caller's run is stopped, its goal asks. */
  onLimit(caller: Caller, limit: LimitUse): void
  /** A request has ended, however it did: for whoever watches. */
  onAnswered?: ((request: AnsweredRequest) => void) | undefined
}

interface Account {
  spent: Amount
  inFlight: Amount
}

const ACCOUNTS_MAX = 2_000
/** The upstream's name of what agents spend through a login of their own. */
export const LOGIN = 'login'

/** When it returns, what was under way at a crash is counted. */
export async function openMeter(deps: MeterDeps): Promise<Meter> {
  const { store, ledger, world, limits } = deps
  const log = world.log.child({ part: 'meter' })
  const accounts = new Map<string, Promise<Account>>()
  const unpriced = new Set<string>()
  const noticed = new Set<string>()
  let change = Promise.withResolvers<void>()

  const lost = await store.transaction((tx) => keepLostSpend(tx, world.clock.now()))
  if (lost > 0) log.warn({ requests: lost }, 'requests of before are counted at their estimate')
  const total = await openAccount('all')

  async function openAccount(of: Parameters<typeof sumSpend>[1]): Promise<Account> {
    const { tokens, usd } = await sumSpend(store.db, of)
    return { spent: { tokens, usd }, inFlight: { tokens: 0, usd: 0 } }
  }

  function accountOf(key: string, of: Parameters<typeof sumSpend>[1]): Promise<Account> {
    let account = accounts.get(key)
    if (!account) {
      // With nothing reserved yet: an account is opened before the first request that it counts.
      account = openAccount(of)
      accounts.set(key, account)
      account.catch(() => accounts.delete(key))
      if (accounts.size > ACCOUNTS_MAX) void dropOldest()
    }
    return account
  }

  /** What is dropped is read from the ledger again; one with requests under way stays. */
  async function dropOldest(): Promise<void> {
    for (const [key, promise] of accounts) {
      const account = await promise
      await ledger.flush()
      if (account.inFlight.tokens > 0) continue
      accounts.delete(key)
      return
    }
  }

  async function accountsOf(caller: Pick<Caller, 'goalId'>, day: string) {
    const today = await accountOf(day, { day })
    const goal = caller.goalId === null ? undefined : await accountOf(caller.goalId, { goalId: caller.goalId })
    return { today, goal, all: [total, today, ...(goal ? [goal] : [])] }
  }

  async function scopesOf(
    goalId: GoalId | null,
    day: string,
    { today, goal }: { today: Account; goal: Account | undefined },
  ) {
    const scopes: LimitScope[] = []
    const raised = async (scope: string, max: number | null) =>
      max === null ? null : max * (await limitFactor(store.db, scope))
    if (goalId !== null && goal) {
      const { limits: own, number } = await getGoal(store.db, goalId)
      scopes.push({ scope: 'goal', words: `goal #${number}`, ...goal, usdMax: own.usdMax, tokensMax: own.tokensMax })
    }
    if (limits.dayUsdMax !== null || limits.dayTokensMax !== null) {
      const scope = `day ${day}`
      const usdMax = await raised(scope, limits.dayUsdMax)
      scopes.push({
        scope: 'day',
        words: 'today',
        ...today,
        usdMax,
        tokensMax: await raised(scope, limits.dayTokensMax),
      })
    }
    if (limits.totalUsdMax !== null || limits.totalTokensMax !== null) {
      const usdMax = await raised('total', limits.totalUsdMax)
      const tokensMax = await raised('total', limits.totalTokensMax)
      scopes.push({ scope: 'total', words: 'Claw as a whole', ...total, usdMax, tokensMax })
    }
    return scopes
  }

  /** Said once per limit, whatever restarts lie in between. */
  function say(type: 'limit.noticed' | 'limit.reached', caller: Caller, day: string, use: LimitUse): void {
    const whose = use.scope === 'goal' ? caller.goalId : use.scope === 'day' ? day : 'total'
    const name = `${type} ${whose} ${use.unit} ${use.max}`
    if (noticed.has(name)) return
    noticed.add(name)
    const facts = {
      limit: use.words,
      used: amountInWords(use.unit, use.used),
      max: amountInWords(use.unit, use.max),
    }
    ledger.write(async (tx) => {
      if (!(await markOnce(tx, name))) return
      const goalId = use.scope === 'goal' ? caller.goalId : null
      const percent = Math.floor((use.used / use.max) * 100)
      if (type === 'limit.reached') await addEvent(tx, world.clock.now(), { type, goalId, data: facts })
      else await addEvent(tx, world.clock.now(), { type, goalId, data: { ...facts, percent } })
    })
    log.warn(facts, type === 'limit.reached' ? 'limit reached' : 'limit nearly reached')
  }

  function sayUnpriced(upstream: string, model: string): void {
    const name = `model.unpriced ${upstream} ${model}`
    if (unpriced.has(name)) return
    unpriced.add(name)
    log.warn({ upstream, model }, 'no price is known for this model')
    ledger.write(async (tx) => {
      if (await markOnce(tx, name))
        await addEvent(tx, world.clock.now(), { type: 'model.unpriced', data: { upstream, model } })
    })
  }

  function moved(): void {
    change.resolve()
    change = Promise.withResolvers()
  }

  const priceOf: Meter['priceOf'] = (upstream, model, tokens) => deps.prices(upstream, model, tokens)

  /** Whether the caller may go on; tells whoever has to stop it where it may not. */
  async function judge(caller: Caller) {
    const day = dayOf(world.clock.now())
    const own = await accountsOf(caller, day)
    const verdict = judgeLimits(await scopesOf(caller.goalId, day, own), limits.noticePercent)
    if (verdict.do === 'refuse') {
      say('limit.reached', caller, day, verdict.limit)
      deps.onLimit(caller, verdict.limit)
    } else for (const notice of verdict.notices) say('limit.noticed', caller, day, notice)
    return { verdict, accounts: own.all }
  }

  return {
    priceOf,
    settled: () => change.promise,
    async admit(caller, expected) {
      const { verdict, accounts: all } = await judge(caller)
      if (verdict.do === 'refuse') return verdict
      if (verdict.do === 'wait') return { do: 'wait' }
      for (const account of all) add(account.inFlight, expected, 1)
      let isDone = false
      return {
        do: 'go',
        done() {
          if (isDone) return
          isDone = true
          for (const account of all) add(account.inFlight, expected, -1)
          moved()
        },
      }
    },
    async reserve(caller, { upstream, api, model, bound }) {
      const at = world.clock.now()
      const day = dayOf(at)
      const { all } = await accountsOf(caller, day)
      const id = await ledger.reserve({
        at,
        day,
        goalId: caller.goalId,
        taskId: caller.taskId,
        runId: caller.runId,
        agent: caller.agent,
        purpose: caller.purpose,
        upstream: upstream.name,
        api,
        model,
        ...bound,
        usd: priceOf(upstream, model, bound) ?? null,
      })
      let isSettled = false
      return {
        settle(state, tokens, status) {
          if (isSettled) return
          isSettled = true
          const used = state === 'void' ? NO_TOKENS : tokens
          const usd = state === 'void' ? 0 : priceOf(upstream, model, used)
          if (usd === undefined) sayUnpriced(upstream.name, model)
          const amount = { tokens: used.inputTokens + used.outputTokens, usd: usd ?? 0 }
          for (const account of all) add(account.spent, amount, 1)
          const endAt = world.clock.now()
          ledger.settle(id, { settledAt: endAt, state, status, ...used, usd: usd ?? null })
          const { provider, baseUrl } = upstream
          const { goalId, taskId, runId, agent, purpose } = caller
          const what = { id, goalId, taskId, runId, agent, purpose, provider, host: new URL(baseUrl).host, model }
          deps.onAnswered?.({ ...what, tokens: used, usd: usd ?? null, state, status, startAt: at, endAt })
        },
      }
    },
    async openTurn(caller, bound) {
      const { verdict, accounts: all } = await judge(caller)
      if (verdict.do === 'refuse') {
        const { words, unit, used, max } = verdict.limit
        const facts = `${amountInWords(unit, used)} of ${amountInWords(unit, max)} are used`
        throw new Fault('provider_limited', `${words} is out of budget: ${facts}`)
      }
      const at = world.clock.now()
      const { agent } = caller
      const row = {
        ...caller,
        ...bound,
        at,
        day: dayOf(at),
        upstream: LOGIN,
        api: 'acp',
        model: `${agent} login`,
        usd: null,
      }
      const id = await ledger.reserve(row)
      let isEnded = false
      return {
        end(spent) {
          if (isEnded) return
          isEnded = true
          const { usd, isWhole, ...reported } = spent ?? { ...bound, usd: null, isWhole: false }
          // What was asked was read at least.
          const inputTokens = isWhole ? reported.inputTokens : Math.max(reported.inputTokens, bound.inputTokens)
          const tokens = { ...reported, inputTokens }
          for (const account of all)
            add(account.spent, { tokens: tokens.inputTokens + tokens.outputTokens, usd: usd ?? 0 }, 1)
          const state = isWhole ? 'settled' : 'estimated'
          ledger.settle(id, { settledAt: world.clock.now(), state, status: null, ...tokens, usd })
          judge(caller).catch((error) => log.error({ err: error }, 'limits not looked at after a turn'))
        },
      }
    },
  }
}

/** Money is summed in floating point; what is taken off again must leave nothing behind. */
function add(to: Amount, amount: Amount, sign: 1 | -1): void {
  to.tokens = Math.max(0, to.tokens + sign * amount.tokens)
  to.usd = Math.max(0, to.usd + sign * amount.usd)
  if (to.usd < 1e-9) to.usd = sign === -1 ? 0 : to.usd
}
