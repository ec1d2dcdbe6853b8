import { readMigration } from '../postgres/grammar/read-migration.ts'
import { migrationText } from '../postgres/migrations/file-text.ts'
import { locksOf } from '../postgres/migrations/locks.ts'
import { schemaChangesOf } from '../postgres/migrations/schema-changes.ts'
import { findingsOf } from '../squawk/findings.ts'

/** What takes long on a long text. Each is pure: from a text to plain data. */
export const tasks = {
  migration: readMigration,
  locks: locksOf,
  changes: schemaChangesOf,
  text: migrationText,
  findings: findingsOf,
} as const

type Tasks = typeof tasks
export type TaskName = keyof Tasks
export type Outcome<T extends TaskName> = Awaited<ReturnType<Tasks[T]>>

export function isTask(name: unknown): name is TaskName {
  return typeof name === 'string' && Object.hasOwn(tasks, name)
}
