import { z } from 'zod'
import { mistyped } from '../nearest.ts'
import { type Subject, subjects } from '../model/diagnosis.ts'

/** What people can type after `/billing`. */
export type Command =
  | {
      readonly name: 'deploy' | 'plan'
      readonly version: string
      readonly environment: string | undefined
      readonly dryRun: boolean
      readonly rotateSecret?: boolean
    }
  | { readonly name: 'verify' | 'unlock' | 'backups'; readonly environment: string | undefined }
  | {
      readonly name: 'diagnose'
      readonly subject: Subject
      readonly cronJob: string | undefined
      readonly environment: string | undefined
    }
  | { readonly name: 'restore'; readonly backup: string | undefined; readonly environment: string | undefined }
  | { readonly name: 'status' | 'retry' | 'cancel' | 'history'; readonly run: number | undefined }
  | { readonly name: 'rollback'; readonly run: number | undefined; readonly revision: number | undefined }
  /** What was left open is asked for in a dialog. */
  | {
      readonly name: 'choose_version'
      readonly environment: string | undefined
      readonly dryRun: boolean
    }
  | { readonly name: 'lock'; readonly reason: string }
  | { readonly name: 'give_reason' }
  | { readonly name: 'choose_subject'; readonly environment: string | undefined }
  | { readonly name: 'help' }

type CommandName = Exclude<Command['name'], 'choose_version' | 'give_reason' | 'choose_subject'>

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

const usages: Readonly<Record<CommandName, string>> = {
  deploy: '/billing deploy [VERSION] [ENV] [--dry-run]',
  plan: '/billing plan [VERSION] [ENV]',
  status: '/billing status [#N]',
  verify: '/billing verify [ENV]',
  diagnose: '/billing diagnose [webhook | cronjob [NAME] | grace-period] [ENV]',
  backups: '/billing backups [ENV]',
  restore: '/billing restore [BACKUP] [ENV]',
  rollback: '/billing rollback [#N] [--to-revision K]',
  retry: '/billing retry [#N]',
  cancel: '/billing cancel [#N]',
  history: '/billing history [#N]',
  lock: '/billing lock [REASON]',
  unlock: '/billing unlock [ENV]',
  help: '/billing help',
}

/** As git and registries allow in a tag, and nothing that a shell or a URL could read another way. */
const version = z
  .string()
  .regex(/^v?\d+\.\d+\.\d+(-[0-9A-Za-z][0-9A-Za-z.-]*)?$/)
  .max(128)
export function isVersion(text: string): boolean {
  return version.safeParse(text).success
}

const runNumber = z
  .string()
  .regex(/^#?[1-9]\d{0,9}$/)
  .transform((text) => Number(text.replace('#', '')))
const toRevision = '--to-revision'
const revisionNumber = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .transform(Number)
const reason = z.string().trim().min(3).max(300)

export function isReason(text: string): boolean {
  return reason.safeParse(text).success
}

/** Pure: the text after `/billing`, into a command or one clear problem. `environments` are the configured names. */
export function parseCommand(text: string, environments: readonly string[]): Parsed {
  const words = text
    .trim()
    .split(/\s+/)
    // Phones turn two hyphens into a dash.
    .map((word) => word.replace(/^[—–](?=[a-z])/, '--'))
    .filter((word) => word !== '')
  const [first = 'help', ...rest] = words
  const name = first.toLowerCase()
  if (!isCommand(name)) {
    const near = mistyped(name, Object.keys(usages)) as CommandName | undefined
    return { ok: false, kind: 'unknown', typed: first, nearest: near, usage: usages[near ?? 'help'] }
  }
  switch (name) {
    case 'deploy':
    case 'plan':
      return parseDeploy(name, rest, environments)
    case 'verify':
    case 'unlock':
    case 'backups':
      return parseEnvironment(name, rest, environments)
    case 'rollback':
      return parseRollback(rest)
    case 'status':
    case 'retry':
    case 'cancel':
    case 'history':
      return parseRun(name, rest)
    case 'diagnose':
      return parseDiagnose(rest, environments)
    case 'restore':
      return parseRestore(rest, environments)
    case 'lock':
      return parseLock(text.trim().slice(first.length))
    case 'help':
      return { ok: true, command: { name } }
  }
}

function parseDeploy(name: 'deploy' | 'plan', words: readonly string[], environments: readonly string[]): Parsed {
  const flags = words.filter((word) => word.startsWith('-'))
  const named = words.filter((word) => !word.startsWith('-'))
  // "deploy staging" leaves only the version open.
  const [asked, environment, ...extra] = environments.includes(named[0] ?? '') ? [undefined, ...named] : named
  if (asked !== undefined && !isVersion(asked))
    return wrong(name, `${asked} is not a version. A version looks like v1.2.0 and is a tag of the repository.`)
  const known = ['--dry-run', '--rotate-secret']
  const unknown = flags.find((flag) => name === 'plan' || !known.includes(flag))
  if (unknown !== undefined) return wrong(name, `${name} has no option ${unknown}.`)
  if (extra.length > 0) return wrong(name, `${extra.join(' ')} is unexpected.`)
  const problem = environmentProblem(name, environment, environments)
  if (problem !== undefined) return problem
  const dryRun = name === 'plan' || flags.includes('--dry-run')
  const rotateSecret = flags.includes('--rotate-secret')
  if (asked === undefined && rotateSecret)
    return wrong(name, '--rotate-secret needs a version: the one that runs will do.')
  if (asked === undefined) return { ok: true, command: { name: 'choose_version', environment, dryRun } }
  const command = { name, version: asked, environment, dryRun }
  return { ok: true, command: rotateSecret ? { ...command, rotateSecret } : command }
}

/** A backup by its name, or the one that a run made. */
const backup = z
  .string()
  .regex(/^(#?[1-9]\d{0,9}|backup_[\w.-]+)$/)
  .max(200)

function parseRestore(words: readonly string[], environments: readonly string[]): Parsed {
  const [asked, environment, ...extra] = environments.includes(words[0] ?? '') ? [undefined, ...words] : words
  if (asked !== undefined && !backup.safeParse(asked).success)
    return wrong('restore', `${asked} is no backup. A backup is named by its run, as in #42, or by its file.`)
  if (extra.length > 0) return wrong('restore', `${extra.join(' ')} is unexpected.`)
  const problem = environmentProblem('restore', environment, environments)
  return problem ?? { ok: true, command: { name: 'restore', backup: asked, environment } }
}

/** As Kubernetes names things. */
const cronJobName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
  .max(52)

/** Without a subject a dialog asks for it; without a name every CronJob is meant. */
function parseDiagnose(words: readonly string[], environments: readonly string[]): Parsed {
  const [typed, ...rest] = environments.includes(words[0] ?? '') ? [undefined, ...words] : words
  if (typed === undefined) {
    const [environment, ...extra] = rest
    if (extra.length > 0) return wrong('diagnose', `${extra.join(' ')} is unexpected.`)
    return { ok: true, command: { name: 'choose_subject', environment } }
  }
  const subject = subjects.find((subject) => subject === typed.toLowerCase())
  if (subject === undefined) {
    const near = mistyped(typed.toLowerCase(), subjects)
    const meant = near === undefined ? '' : ` Did you mean ${near}?`
    return wrong('diagnose', `${typed} is nothing to diagnose.${meant} There are: ${subjects.join(', ')}.`)
  }
  const named = subject === 'cronjob' && !environments.includes(rest[0] ?? '')
  const [cronJob, environment, ...extra] = named ? rest : [undefined, ...rest]
  if (extra.length > 0) return wrong('diagnose', `${extra.join(' ')} is unexpected.`)
  if (cronJob !== undefined && !cronJobName.safeParse(cronJob).success)
    return wrong('diagnose', `${cronJob} is not the name of a CronJob.`)
  const problem = environmentProblem('diagnose', environment, environments)
  return problem ?? { ok: true, command: { name: 'diagnose', subject, cronJob, environment } }
}

function parseEnvironment(
  name: 'verify' | 'unlock' | 'backups',
  words: readonly string[],
  environments: readonly string[],
): Parsed {
  const [environment, ...extra] = words
  if (extra.length > 0) return wrong(name, `${extra.join(' ')} is unexpected.`)
  return environmentProblem(name, environment, environments) ?? { ok: true, command: { name, environment } }
}

function parseRun(name: 'status' | 'retry' | 'cancel' | 'history', words: readonly string[]): Parsed {
  const [asked, ...extra] = words
  if (extra.length > 0) return wrong(name, `${extra.join(' ')} is unexpected.`)
  if (asked === undefined) return { ok: true, command: { name, run: undefined } }
  const run = runNumber.safeParse(asked)
  if (!run.success) return wrong(name, `${asked} is not a run. A run has a number, as in #42.`)
  return { ok: true, command: { name, run: run.data } }
}

function parseRollback(words: readonly string[]): Parsed {
  const at = words.findIndex((word) => word === toRevision || word.startsWith(`${toRevision}=`))
  const joined = at >= 0 && words[at] !== toRevision
  const asked = at < 0 ? undefined : joined ? words[at]?.slice(toRevision.length + 1) : (words[at + 1] ?? '')
  const [run, ...extra] = at < 0 ? words : words.toSpliced(at, joined ? 1 : 2)
  const unknown = [run, ...extra].find((word) => word?.startsWith('-'))
  if (unknown !== undefined) return wrong('rollback', `rollback has no option ${unknown}.`)
  if (extra.length > 0) return wrong('rollback', `${extra.join(' ')} is unexpected.`)
  const revision = asked === undefined ? undefined : revisionNumber.safeParse(asked)
  if (revision?.success === false)
    return wrong('rollback', `${asked === '' ? 'Nothing' : asked} is not a revision. A revision has a number, as in 3.`)
  const number = run === undefined ? undefined : runNumber.safeParse(run)
  if (number?.success === false) return wrong('rollback', `${run} is not a run. A run has a number, as in #42.`)
  return { ok: true, command: { name: 'rollback', run: number?.data, revision: revision?.data } }
}

function parseLock(rest: string): Parsed {
  if (rest.trim() === '') return { ok: true, command: { name: 'give_reason' } }
  const given = reason.safeParse(rest)
  if (!given.success) return wrong('lock', 'Say why, in 3 to 300 letters: others will read it.')
  return { ok: true, command: { name: 'lock', reason: given.data } }
}

function environmentProblem(
  name: CommandName,
  asked: string | undefined,
  environments: readonly string[],
): Parsed | undefined {
  if (asked === undefined || environments.includes(asked)) return undefined
  const near = mistyped(asked, environments)
  const meant = near === undefined ? '' : ` Did you mean ${near}?`
  return wrong(name, `There is no environment ${asked}.${meant} There are: ${environments.join(', ')}.`)
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(usages, name)
}

function wrong(name: CommandName, text: string): Parsed {
  return { ok: false, kind: 'wrong', text, usage: usages[name] }
}
