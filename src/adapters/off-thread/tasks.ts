import { readKubernetesYaml } from '../../config/yaml-text.ts'
import { neededRightsOf } from '../postgres/grammar/needed-rights.ts'
import { readMigration } from '../postgres/grammar/read-migration.ts'
import { isReadByTheGrammar } from '../postgres/grammar/syntax.ts'
import { locksFromText } from '../postgres/locks/steps.ts'
import { migrationText, statementPlaces } from '../postgres/migrations/file-text.ts'
import { catalogOf } from '../postgres/schema/catalog.ts'
import { forecast } from '../postgres/schema/changes.ts'
import { namesIn, readScript } from '../postgres/schema/script.ts'
import type { Script } from '../postgres/schema/steps.ts'
import { findingsOf } from '../squawk/findings.ts'

/** The texts of migration files in their order, and what `readCatalog` has read of the database. */
export interface ForecastInput {
  readonly files: readonly string[]
  readonly catalog: string
}

function scriptsOf(files: readonly string[]): Promise<readonly Script[]> {
  return Promise.all(files.map((sql) => readScript(sql)))
}

/** What takes long on a long text. Each is pure: from a text to plain data. */
export const tasks = {
  migration: readMigration,
  locks: locksFromText,
  names: async (files: string) => namesIn(await scriptsOf(JSON.parse(files) as readonly string[])),
  forecast: async (input: string) => {
    const { files, catalog } = JSON.parse(input) as ForecastInput
    return forecast(await scriptsOf(files), catalogOf(catalog))
  },
  text: migrationText,
  statements: statementPlaces,
  syntax: async (sql: string) => ({ reads: await isReadByTheGrammar(sql), calls: migrationText(sql).calls }),
  rights: neededRightsOf,
  findings: findingsOf,
  manifest: readKubernetesYaml,
} as const

type Tasks = typeof tasks
export type TaskName = keyof Tasks
export type Outcome<T extends TaskName> = Awaited<ReturnType<Tasks[T]>>

export function isTask(name: unknown): name is TaskName {
  return typeof name === 'string' && Object.hasOwn(tasks, name)
}
