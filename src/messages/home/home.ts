import type { Block, Button, HomeView, KnownBlock } from '@slack/types'
import type { KeptBackup } from '../../model/backup.ts'
import { breakGlassLine } from '../answers/break-glass.ts'
import type { Freeze } from '../../model/freeze.ts'
import { frozenLine } from '../answers/freeze.ts'
import type { Lock } from '../../model/lock.ts'
import { elapsed, type Run } from '../../model/run.ts'
import type { Release } from '../../model/current-release.ts'
import { currentPhase, phaseWords } from '../blocks/chapters.ts'
import {
  actions,
  button,
  code,
  context,
  header,
  joined,
  mention,
  type Message,
  paragraph,
  paragraphs,
  words,
} from '../blocks/message.ts'
import { duration } from '../../text.ts'
import { sign, stateWords, subject } from '../board/status-words.ts'
import { localTime } from '../blocks/marks.ts'

export const homeActionIds = {
  deploy: 'home_deploy',
  verify: 'home_verify',
  diagnose: 'home_diagnose',
  rollBack: 'home_roll_back',
  lock: 'home_lock',
  unlock: 'home_unlock',
} as const

/** What there is to tell of an environment, whoever looks. */
export interface EnvironmentFacts {
  readonly name: string
  readonly lock: Lock | undefined
  /** The freeze that was on when the page was made. */
  readonly freeze?: Freeze | undefined
  readonly release: Release
  readonly backups: { readonly newest: KeptBackup | undefined; readonly count: number }
  /** Under way or waiting for people, newest first. */
  readonly open: readonly LinkedRun[]
  /** Newest first. */
  readonly finished: readonly LinkedRun[]
}

/** An environment as one person sees it. */
export interface HomeEnvironment extends EnvironmentFacts {
  /** Where this person's buttons act; undefined for somebody who is in none of its channels: they only look. */
  readonly channel: string | undefined
  /** Where its commands are taken. */
  readonly channels: readonly string[]
  readonly mayDeploy: boolean
  /** The open runs on which this person can decide now. */
  readonly waitsForYou: readonly number[]
}

export interface LinkedRun {
  readonly run: Run
  /** The link to the run's board; undefined while there is none. */
  readonly link: string | undefined
}

/** App Home of one person: what they may see, and nothing else. */
export interface HomeFacts {
  readonly service: string
  readonly environments: readonly HomeEnvironment[]
  /** What could not be found out, with marks. */
  readonly notes: readonly string[]
}

/** As many as `/billing backups` lists. */
const listedBackups = 100
const shownRuns = 10
/** The most environments of one view, which takes a hundred blocks: three for each leave room for the rest. */
const shownEnvironments = 20
const dated = '{date_short_pretty} {time}'

/** No clock runs in it, so that it only changes when something happened. */
export function homeView({ service, environments, notes }: HomeFacts): HomeView {
  const left = environments.length - shownEnvironments
  const newest = (runs: readonly LinkedRun[]) =>
    runs.toSorted((a, b) => b.run.number - a.run.number).slice(0, shownRuns)
  const open = newest(environments.flatMap((one) => one.open))
  const finished = newest(environments.flatMap((one) => one.finished))
  const yours = new Set(environments.flatMap((one) => one.waitsForYou))
  const waiting = open.filter(({ run }) => yours.has(run.number))
  const others = open.filter(({ run }) => !yours.has(run.number))
  const blocks: (KnownBlock | Block)[] = [
    header(service),
    ...(notes.length === 0 ? [] : [context(...notes)]),
    ...paragraphs(brokenGlass([...open, ...finished])),
    ...(waiting.length === 0 ? [] : [header('Waiting for you'), ...paragraphs(waiting.map(openLine))]),
    ...environments.slice(0, shownEnvironments).flatMap(environment),
    ...(left > 0 ? [context(`… and ${left} more environments: \`/billing status\``)] : []),
    ...(environments.length === 0
      ? [paragraph(nothingToSee(notes.length > 0))]
      : [
          { type: 'divider' },
          header('Running and waiting'),
          ...(others.length === 0
            ? [paragraph(`Nothing${waiting.length === 0 ? '' : ' else'} running or waiting.`)]
            : []),
          ...paragraphs(others.map(openLine)),
          header('Last runs'),
          ...(finished.length === 0 ? [paragraph('No run has finished yet.')] : paragraphs(finished.map(finishedLine))),
        ]),
    context('`/billing help` lists every command. Live for 15 min after you open it.'),
  ]
  return { type: 'home', blocks }
}

/** A rollback without approval stays on top for as long as it is among the runs that are shown. */
function brokenGlass(runs: readonly LinkedRun[]): readonly string[] {
  return runs.filter(({ run }) => run.breakGlass === true).map(({ run }) => breakGlassLine(run))
}

function nothingToSee(unsure: boolean): string {
  const what = unsure ? 'No environment is known to be visible to you.' : "There's no environment you can see."
  return `${what} Each is shown to the people in its channels, or to its viewers where it has any.`
}

/** For somebody who may not use Purser: why, and nothing else. */
export function homeOfNobody({ blocks = [] }: Message): HomeView {
  return { type: 'home', blocks: [header('Purser'), ...blocks] }
}

function environment(facts: HomeEnvironment): readonly (KnownBlock | Block)[] {
  const { channel, channels, mayDeploy } = facts
  const lines = [
    releaseLine(facts),
    ...unfinishedLine(facts.release),
    backupLine(facts.backups),
    ...lockLine(facts.lock),
    ...freezeLine(facts.name, facts.freeze),
  ]
  const where =
    channel === undefined
      ? `Use ${joined(
          channels.map((id) => `<#${id}>`),
          'or',
        )} for commands. You aren't a member.`
      : `Buttons here post to <#${channel}>`
  return [
    paragraph(lines.join('\n')),
    ...(channel === undefined ? [] : actions(buttons(facts, mayDeploy))),
    context(where),
  ]
}

function releaseLine({ name, release: { version, by } }: HomeEnvironment): string {
  const where = `*${words(name, 100)}*`
  if (version === undefined) return `${where}: Purser has deployed nothing here yet.`
  if (by === undefined) return `${where} runs ${code(version)} (deployed before Purser).`
  const since = by.finishedAt === undefined ? '' : ` since ${localTime(by.finishedAt, dated)}`
  return `${where} runs ${code(version)}${since}: run *#${by.number}*, requested by ${mention(by.requestedBy)}.`
}

function unfinishedLine({ unfinished: run }: Release): readonly string[] {
  if (run === undefined) return []
  const state = run.status === 'executing' ? 'is changing it now' : `${words(stateWords(run), 100)}. Its changes stay`
  return [`${sign(run)} Run *#${run.number}* (${code(run.version)}) ${state}.`]
}

function freezeLine(name: string, freeze: Freeze | undefined): readonly string[] {
  return freeze === undefined ? [] : [`:snowflake: ${frozenLine(name, freeze)}`]
}

function lockLine(lock: Lock | undefined): readonly string[] {
  if (lock === undefined) return []
  const end = lock.until === undefined ? '' : ` until ${localTime(lock.until, dated)}`
  return [
    `:lock: *Locked* by ${mention(lock.lockedBy)} since ${localTime(lock.at, dated)}${end}: ${words(lock.reason, 300)}`,
  ]
}

/** Lists the buttons: what would be refused is not offered, and looking is for everybody. */
function buttons({ name, lock, release }: HomeEnvironment, mayDeploy: boolean): readonly Button[] {
  const make = (id: keyof typeof homeActionIds, text: string, look: { style?: 'primary' } = {}) =>
    button(text, homeActionIds[id], name, { label: `${text} ${name}`, ...look })
  const verify = [make('verify', 'Verify'), make('diagnose', 'Diagnose…')]
  if (!mayDeploy) return verify
  const undo = (release.unfinished ?? release.by)?.hasEffects === true ? [make('rollBack', 'Roll back…')] : []
  if (lock !== undefined) return [...verify, ...undo, make('unlock', 'Unlock')]
  return [make('deploy', 'Deploy…', { style: 'primary' }), ...verify, ...undo, make('lock', 'Lock…')]
}

function openLine({ run, link }: LinkedRun): string {
  const phase = currentPhase(run)
  const place =
    run.status === 'executing' && phase !== undefined
      ? ` – ${words(phaseWords(run, phase.name))}${phase.line === '' ? '' : `, ${words(phase.line, 120)}`}`
      : ''
  return `${sign(run)} ${numbered(run, link)} ${words(subject(run), 120)}: *${words(stateWords(run), 120)}*${place}`
}

function finishedLine({ run, link }: LinkedRun): string {
  const took = run.finishedAt === undefined ? undefined : elapsed(run, run.finishedAt)
  const time = took === undefined ? '' : ` in ${duration(took)}`
  const what = `${sign(run)} ${numbered(run, link)} ${words(subject(run), 120)}: ${words(stateWords(run), 80)}${time}`
  return `${what} · ${localTime(run.finishedAt ?? run.createdAt, dated)} · ${mention(run.requestedBy)}`
}

function numbered(run: Run, link: string | undefined): string {
  return link === undefined ? `*#${run.number}*` : `<${link}|#${run.number}>`
}

function proofOf({ by, proof, restoreMs, restoredWithout }: KeptBackup): string {
  if (by === 'command') return proof === undefined ? 'not proven' : 'proven by its command'
  const without = restoredWithout === undefined ? '' : ` without ${words(restoredWithout, 60)}`
  return restoreMs === undefined ? 'checksum-verified only' : `restore-tested${without}`
}

function backupLine({ newest: last, count }: EnvironmentFacts['backups']): string {
  if (last === undefined) return 'No backups yet. Every deploy makes one.'
  const at = new Date(last.finishedAt)
  const when = Number.isNaN(at.getTime()) ? words(last.finishedAt, 40) : localTime(at, dated)
  const proof = proofOf(last)
  const others = count > 1 ? ` · ${code('/billing backups')} lists ${Math.min(count, listedBackups)}` : ''
  return `Last backup ${when}, ${proof}${others}`
}
