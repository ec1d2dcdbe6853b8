import { ConfigError } from '../config/config-error.ts'
import { readAuditSettings } from '../config/environment/environment.ts'
import { knownSecrets } from '../outside-text/known-secrets.ts'
import { maskOf } from '../outside-text/mask.ts'
import { reportLines } from '../messages/audit/audit-report.ts'
import { type AuditHead, auditKey } from '../model/audit-chain.ts'
import { type AuditScope, verifyAudit } from '../store/audit-verification.ts'
import { StateDatabase, statePool } from '../store/database.ts'

const usage = `usage: npm run audit -- verify [RUN] [ID:HASH …]
  RUN       checks only this run: its events, decisions and effects (42, or '#42' with quotes)
  ID:HASH   an audit head from a thread, a report or the log: the event must still be there

STATE_DATABASE_URL and PURSER_AUDIT_KEY are those of npm start. Nothing changes.
Exit codes: 0 nothing is wrong, 1 something is, 2 the audit couldn't be checked.`

interface Question {
  readonly scope: AuditScope
  readonly anchors: readonly AuditHead[]
}

type Print = (line: string) => void

/** What `npm run audit` does; the exit code. */
export async function auditCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  print: Print,
): Promise<0 | 1 | 2> {
  if (args.includes('--help')) {
    print(usage)
    return 0
  }
  const question = questionOf(args)
  if (question === undefined) {
    print(usage)
    return 2
  }
  try {
    return await verify(question, env, print)
  } catch (error) {
    if (error instanceof ConfigError) {
      print(error.message)
      if (error.hint !== undefined) print(error.hint)
    } else print(`The audit could not be read: ${error instanceof Error ? error.message : String(error)}`)
    return 2
  }
}

async function verify(
  { scope, anchors }: Question,
  env: Readonly<Record<string, string | undefined>>,
  print: Print,
): Promise<0 | 1 | 2> {
  const settings = readAuditSettings(env)
  knownSecrets.learn(settings.stateDatabaseUrl, ...settings.auditKeys)
  const mask = maskOf()
  const pool = statePool(settings.stateDatabaseUrl.reveal(), () => undefined)
  try {
    const db = new StateDatabase(pool, (value) => value, settings.auditKeys.map(auditKey), settings.stateDatabaseSchema)
    const report = await verifyAudit(db, scope, anchors)
    for (const line of reportLines(report)) print(mask(line))
    if (report.breaks.length > 0) return 1
    return report.unchecked > 0 ? 2 : 0
  } finally {
    await pool.end()
  }
}

/** Undefined when it cannot be understood. */
function questionOf([verb, ...rest]: readonly string[]): Question | undefined {
  if (verb !== 'verify') return undefined
  const runs: number[] = []
  const anchors: AuditHead[] = []
  for (const word of rest) {
    const [, run] = /^#?([1-9]\d{0,14})$/.exec(word) ?? []
    const [, sequence, hash = ''] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/i.exec(word) ?? []
    if (run !== undefined) runs.push(Number(run))
    else if (sequence !== undefined) anchors.push({ sequence: Number(sequence), hash: hash.toLowerCase() })
    else return undefined
  }
  if (runs.length > 1) return undefined
  const [run] = runs
  return { scope: run === undefined ? { kind: 'everything' } : { kind: 'run', run }, anchors }
}
