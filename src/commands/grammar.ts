import { mistyped } from '../nearest.ts'
import { command, type Row } from './grammar/row.ts'
import {
  backup,
  cronJob,
  dryRun,
  environment,
  reason,
  revision,
  rotateSecret,
  run,
  subject,
  version,
} from './grammar/words.ts'

/*
 * Everything that people can type after `/billing`: one row a command. The parser below, the usage text, the help, the
 * page docs/commands.md (`npm run schema` writes it), and the composer and `--play` of the sandbox all read this table.
 * `handlers.ts` says which function carries a command out; the compiler names a row that was forgotten there.
 *
 * A row declares its arguments and options as data (`takes`), and its usage text and parser are derived from them.
 */
export const grammar = [
  command('deploy', {
    does: 'makes a plan, asks for approval, and runs the runbook',
    more: 'Without VERSION a dialog offers the newest tags of the repository. `--rotate-secret` needs a VERSION: that of the release that runs will do ([how the secret is replaced](stripe.md)).',
    may: 'deployers',
    approvals: 'approvals',
    answer: 'board',
    takes: { version, environment, dryRun, rotateSecret },
    examples: ['deploy', 'deploy v1.2.0', 'deploy v1.2.0 staging --dry-run', 'deploy v1.2.0 --rotate-secret'],
    refuses: (asked) =>
      asked.rotateSecret && asked.version === undefined
        ? '--rotate-secret needs a version: the one that runs will do.'
        : undefined,
    means: (asked) => deployOf('deploy', asked),
  }),
  command('plan', {
    does: 'shows what a deploy would do; changes nothing',
    more: 'The same as `deploy --dry-run`.',
    may: 'deployers',
    answer: 'board',
    takes: { version, environment },
    examples: ['plan v1.2.0', 'plan staging'],
    means: (asked) => deployOf('plan', { ...asked, dryRun: true, rotateSecret: false }),
  }),
  command('status', {
    does: 'tells what runs and what waits',
    may: 'channel',
    answer: 'message',
    takes: { run: run('all that are open') },
    examples: ['status', 'status #42'],
    means: (asked) => ({ name: 'status', run: asked.run }),
  }),
  command('verify', {
    does: 'checks counts and state; changes nothing',
    more: "It makes the runbook's four counts, checks the billing invariants, and looks at the deployment, its health, the Stripe endpoint, the webhook, the CronJobs and the logs, each beside what the last verification saw.",
    may: 'channel',
    answer: 'board',
    takes: { environment },
    examples: ['verify', 'verify staging'],
    means: (asked) => ({ name: 'verify', environment: asked.environment }),
  }),
  command('diagnose', {
    does: 'finds out why billing does not work; changes nothing',
    more: "It does a section of the runbook's troubleshooting at once, names the most likely cause, and offers buttons for what can be mended ([more](troubleshooting.md)).",
    may: 'channel',
    answer: 'board',
    takes: { subject, cronJob, environment },
    examples: ['diagnose', 'diagnose webhook', 'diagnose cronjob webhook-retry staging'],
    means: (asked) =>
      asked.subject === undefined
        ? { name: 'choose_subject', environment: asked.environment }
        : { name: 'diagnose', subject: asked.subject, cronJob: asked.cronJob, environment: asked.environment },
  }),
  command('backups', {
    does: 'lists the backups there are to go back to, and how long that takes',
    may: 'channel',
    answer: 'message',
    takes: { environment },
    examples: ['backups', 'backups staging'],
    means: (asked) => ({ name: 'backups', environment: asked.environment }),
  }),
  command('restore', {
    does: 'shows what going back to a backup costs, then asks for it',
    more: "A dialog wants the environment's name typed before anything begins ([more](database.md#restore)).",
    may: 'deployers',
    approvals: 'restoreApprovals',
    answer: 'board',
    takes: { backup, environment },
    examples: ['restore', 'restore #42', 'restore backup_20260105_101500_production_run42.dump staging'],
    means: (asked) => ({ name: 'restore', backup: asked.backup, environment: asked.environment }),
  }),
  command('rollback', {
    does: 'shows what would be undone and what runs then, and undoes it',
    more: 'Nothing begins before the dialog that shows it was confirmed ([revisions](kubernetes.md)).',
    may: 'deployers',
    approvals: 'rollbackApprovals',
    answer: 'board',
    takes: { run: run('the newest deploy or restore that changed something'), revision },
    examples: ['rollback', 'rollback #42', 'rollback #42 --to-revision 3'],
    means: (asked) => ({ name: 'rollback', run: asked.run, revision: asked.revision }),
  }),
  command('retry', {
    does: 'runs the failed phase again',
    may: 'deployers',
    answer: 'board',
    takes: { run: run('the newest that failed') },
    examples: ['retry', 'retry #42'],
    means: (asked) => ({ name: 'retry', run: asked.run }),
  }),
  command('cancel', {
    does: 'stops a run; what was changed so far stays',
    may: 'deployers',
    answer: 'board',
    takes: { run: run('the newest that is under way or waits for approval') },
    examples: ['cancel', 'cancel #42'],
    means: (asked) => ({ name: 'cancel', run: asked.run }),
  }),
  command('history', {
    does: 'lists the newest runs, or everything that happened in one',
    may: 'channel',
    answer: 'message',
    takes: { run: run('the newest ten') },
    examples: ['history', 'history #42'],
    means: (asked) => ({ name: 'history', run: asked.run }),
  }),
  command('lock', {
    does: 'lets nothing start or be approved in the default environment',
    more: 'Every channel of the environment is told. A run under way goes on; `verify`, `plan` and `status` work ([more](operating.md#lock)). The dialog can lock another environment too.',
    may: 'deployers',
    answer: 'announcement',
    takes: { reason },
    examples: ['lock', 'lock closing the books'],
    means: (asked) => (asked.reason === undefined ? { name: 'give_reason' } : { name: 'lock', reason: asked.reason }),
  }),
  command('unlock', {
    does: 'opens a locked environment again',
    may: 'deployers',
    answer: 'announcement',
    takes: { environment },
    examples: ['unlock', 'unlock staging'],
    means: (asked) => ({ name: 'unlock', environment: asked.environment }),
  }),
  command('help', {
    does: 'lists every command',
    may: 'everyone',
    answer: 'message',
    takes: {},
    ignoresRest: true,
    examples: ['help'],
    means: () => ({ name: 'help' }),
  }),
] as const

type CommandOf<R> = R extends Row<string, infer C> ? C : never

/** What a line means. What people left open is asked for in a dialog: that is a command of its own. */
export type Command = CommandOf<(typeof grammar)[number]>

interface AskedDeploy {
  readonly version?: string | undefined
  readonly environment?: string | undefined
  readonly dryRun: boolean
  readonly rotateSecret: boolean
}

function deployOf<N extends 'deploy' | 'plan'>(name: N, { version, environment, dryRun, rotateSecret }: AskedDeploy) {
  if (version === undefined) return { name: 'choose_version', environment, dryRun } as const
  return { name, version, environment, dryRun, rotateSecret: rotateSecret || undefined }
}

type Parsed =
  | { readonly ok: true; readonly command: Command }
  | {
      readonly ok: false
      readonly kind: 'unknown'
      readonly typed: string
      readonly nearest: string | undefined
      readonly usage: string
    }
  | { readonly ok: false; readonly kind: 'wrong'; readonly text: string; readonly usage: string }

const names = grammar.map(({ name }) => name)

/** Pure: the text after `/billing`, into a command or one clear problem. `environments` are the configured names. */
export function parseCommand(text: string, environments: readonly string[]): Parsed {
  const line = text.trim() || 'help'
  const typed = line.split(/\s/, 1)[0] ?? ''
  const row = rowOf(typed.toLowerCase())
  if (row === undefined) {
    const nearest = mistyped(typed.toLowerCase(), names)
    return { ok: false, kind: 'unknown', typed, nearest, usage: rowOf(nearest ?? 'help')?.usage ?? '' }
  }
  const read = row.parse(line.slice(typed.length), environments)
  return read.ok ? read : { ok: false, kind: 'wrong', text: read.problem, usage: row.usage }
}

function rowOf(name: string) {
  return grammar.find((row) => row.name === name)
}
