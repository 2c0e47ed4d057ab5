import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { type Dialect, SqliteDialect, type SqliteStatement } from 'kysely'
import type { Redactor } from '../../core/redact.ts'
import { redactJson } from '../../core/redact.ts'

/** Prepared statements kept, so that the same query is parsed once. */
const STATEMENTS_MAX = 300

/**
 * Kysely on Node's own SQLite. Kysely's dialect wants the shape of better-sqlite3; this is
 * the difference: `reader` says whether a statement gives rows, and booleans become 0 and 1.
 */
export function nodeSqliteDialect(database: DatabaseSync, redactor?: Redactor): Dialect {
  const statements = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    if (statements.size >= STATEMENTS_MAX) statements.delete(statements.keys().next().value!)
    statements.set(sql, statement)
    return statement
  }
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      prepare(sql): SqliteStatement {
        const statement = prepare(sql)
        const isWrite = redactor !== undefined && /^(?:insert|update|replace)\b/i.test(sql)
        const values = (parameters: readonly unknown[]) =>
          parameters.map((value) => toSqlite(isWrite && typeof value === 'string' ? redactRow(value, redactor) : value))
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => {
            // On a full disk SQLite has rolled back by itself; a second time is an error that would hide the first.
            if (sql === 'rollback' && !database.isTransaction) return { changes: 0n, lastInsertRowid: 0n }
            const { changes, lastInsertRowid } = statement.run(...values(parameters))
            return { changes: BigInt(changes), lastInsertRowid: BigInt(lastInsertRowid) }
          },
          iterate: (parameters) => statement.iterate(...values(parameters)) as IterableIterator<unknown>,
        }
      },
    },
  })
}

/** A column with JSON stays JSON: a secret of digits must not make a number unreadable. */
function redactRow(value: string, redactor: Redactor): string {
  if (!redactor.finds(value)) return value
  if (value.startsWith('{') || value.startsWith('[')) {
    try {
      return JSON.stringify(redactJson(JSON.parse(value), redactor))
    } catch {
      // Text that only begins like JSON.
    }
  }
  return redactor.text(value)
}

function toSqlite(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value === undefined) return null
  return value as SQLInputValue
}
