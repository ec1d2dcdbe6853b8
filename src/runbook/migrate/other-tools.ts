import type { MigrationFile } from '../../adapters/postgres/port.ts'
import { CheckFailed } from '../errors.ts'

type Named = Pick<MigrationFile, 'name' | 'sql'>

/** The marks by which other tools part a file into what is done and what undoes it: run as plain SQL, both would run. */
const marks: readonly (readonly [string, RegExp])[] = [
  ['dbmate', /^[ \t]*--[ \t]*migrate:(?:up|down)\b/im],
  ['goose', /^[ \t]*--[ \t]*\+goose[ \t]+\w+/im],
  ['sql-migrate', /^[ \t]*--[ \t]*\+migrate[ \t]+\w+/im],
  ['MyBatis Migrations', /^[ \t]*--[ \t]*\/\/[ \t]*@UNDO\b/im],
  ['rambler', /^[ \t]*--[ \t]*rambler[ \t]+(?:up|down)\b/im],
  ['Liquibase', /^[ \t]*--[ \t]*(?:liquibase formatted sql|changeset [^\s:]+:\S)/im],
]

/** The names by which other tools tell the two apart. */
const names: readonly (readonly [string, RegExp])[] = [
  ['golang-migrate', /\.(?:up|down)\.sql$/i],
  ['Flyway', /^[VUR]\d*(?:[._]\d+)*__.+\.sql$/],
  ['Diesel', /(?:^|\/)(?:up|down)\.sql$/],
]

/** Names the tool that a file is written for; undefined when it is plain SQL as far as can be told. */
export function toolOf({ name, sql }: Named): string | undefined {
  return toolNaming(name) ?? marks.find(([, mark]) => mark.test(sql))?.[0]
}

/** Names the tool whose files are called so. */
export function toolNaming(name: string): string | undefined {
  return names.find(([, pattern]) => pattern.test(name))?.[0]
}

/** Raises for files that another tool would run in part: as plain SQL, what undoes a migration would be run with it. */
export function refuseOtherTools(files: readonly Named[]): void {
  const found = files.flatMap((file) => {
    const tool = toolOf(file)
    return tool === undefined ? [] : [{ name: file.name, tool }]
  })
  const [first] = found
  if (first === undefined) return
  throw new CheckFailed('migration_of_other_tool', `reading migrations: ${first.name} is written for ${first.tool}`, {
    hint: 'Purser runs a file as plain SQL, so its part that undoes would run too. Keep only the SQL that applies it.',
    evidence: found.map(({ name, tool }) => `${name}: ${tool}`),
  })
}
