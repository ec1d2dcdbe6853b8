import { z } from 'zod'
import { clipped, excerpt } from '../../../../outside-text/excerpt.ts'
import { BackupCommandError } from './errors.ts'

/** It becomes the last argument of a command, so it may not look like an option. Room for ARNs and names of snapshots. */
const id = z.string().regex(/^[A-Za-z0-9][\w.:/@+=-]{0,199}$/)
const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString())
const words = z
  .string()
  .min(1)
  .transform((text) => excerpt(text.replaceAll(/\s+/g, ' ').trim(), 200))

const created = z.object({ id })
const verified = z.discriminatedUnion('proven', [
  z.object({ proven: z.literal(true), how: words }),
  z.object({ proven: z.literal(false), why: words }),
])
const described = z
  .object({
    id,
    startedAt: instant,
    finishedAt: instant,
    bytes: z.number().nonnegative(),
    proof: words.nullable(),
  })
  .nullable()

type Described = NonNullable<z.output<typeof described>>

/** A clock of another machine may be ahead by so much. */
const clockMs = 5 * 60_000

export function readCreated(line: string, doing: string): string {
  return read(created, line, doing, '{"id":"…"}').id
}

export function readVerified(line: string, doing: string): z.output<typeof verified> {
  return read(verified, line, doing, '{"proven":true,"how":"…"} or {"proven":false,"why":"…"}')
}

/** Reads what the command describes; undefined when it says (`null`) that there is no such backup. */
export function readDescribed(asked: string, line: string, doing: string, now: Date): Described | undefined {
  const form = '{"id":"…","startedAt":"…","finishedAt":"…","bytes":0,"proof":"…" or null} or null'
  const found = read(described, line, doing, form)
  if (found === null) return undefined
  if (found.id !== asked) throw wrong(doing, `it describes ${found.id}, not ${asked}`, line)
  if (found.startedAt > found.finishedAt) throw wrong(doing, 'it ends before it began', line)
  // A backup from the future would be young for ever.
  if (Date.parse(found.finishedAt) > now.getTime() + clockMs)
    throw wrong(doing, `it was finished in the future (${found.finishedAt})`, line)
  return found
}

function read<Schema extends z.ZodType>(schema: Schema, line: string, doing: string, form: string): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw wrong(doing, `its last line isn't JSON. Wanted: ${form}`, line)
  }
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'the answer'}: ${message}`)
  throw wrong(doing, `${clipped(problems.join(', '), 300)}. Wanted: ${form}`, line)
}

function wrong(doing: string, why: string, line: string): BackupCommandError {
  return new BackupCommandError('backup_command_answer', `${doing}: ${why}`, {
    hint: 'docs/backups-by-command.md says what each command has to answer.',
    evidence: line === '' ? ['it printed nothing'] : [clipped(line, 500)],
  })
}
