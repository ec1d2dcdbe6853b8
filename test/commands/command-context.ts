import { keptBackups, newestBackups } from '../../src/store/backups.ts'
import { readFileSync } from 'node:fs'
import type { ModalView } from '@slack/types'
import { pino } from 'pino'
import { expect } from 'vitest'
import type { Remembered, SlackPerson } from '../../src/adapters/slack/port.ts'
import { PersonRate, TooManyDeploys, TooManyLooks } from '../../src/commands/person-rate.ts'
import { approve } from '../../src/commands/decide.ts'
import { type Answer, answering } from '../../src/commands/respond.ts'
import type { Caller, CommandContext } from '../../src/commands/command-context.ts'
import { parseCommand } from '../../src/commands/grammar.ts'
import type { Understood } from '../../src/commands/grammar/row.ts'
import { confirmRollback, openRollbackDialog } from '../../src/commands/rollback.ts'
import type { PolicyConfig } from '../../src/config/environment-schema.ts'
import { parsePurserYaml, type PurserConfig } from '../../src/config/purser-yaml.ts'
import type { DeploymentSeen, RevisionSeen } from '../../src/model/deployment-seen.ts'
import type { PhaseName } from '../../src/model/kinds.ts'
import { KnownSecrets } from '../../src/outside-text/known-secrets.ts'
import { maskDeep, slackStructure } from '../../src/outside-text/mask-deep.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import type { Run } from '../../src/model/run.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { RequestStore } from '../../src/store/requests.ts'
import { knownSecret, type TestStores } from '../store/stores.ts'

/** People at a context of real stores and the real purser.yaml; only the queue is a list. */

export const dana: Caller = { user: 'UDANA', channel: 'CDEPLOYS' }
export const alex: Caller = { user: 'UALEX', channel: 'CDEPLOYS' }
export const sam: Caller = { user: 'USAM', channel: 'CDEPLOYS' }

const yaml = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')
const people = { deployers: ['UDANA', 'SOPS'], approvers: ['UALEX', 'UDANA'], channels: ['CDEPLOYS'] }

/** The committed purser.yaml with people in it. */
export function configWith(more: Partial<PolicyConfig> = {}): PurserConfig {
  const production = yaml.environments['production'] as PurserConfig['environments'][string]
  const environment = { ...production, policy: { ...production.policy, ...people, ...more } }
  return { ...yaml, environments: { production: environment, staging: environment } }
}

/** Somebody of the workspace. */
export const member: SlackPerson = {
  teams: ['T1'],
  isStranger: false,
  isGuest: false,
  isBot: false,
  isDeactivated: false,
}

/** A list as Slack has just told it. */
export function readNow(users: readonly string[]): Remembered<readonly string[]> {
  return { value: users, readAt: new Date(), trouble: undefined }
}

/** What the person reads; empty when the board tells. */
export async function said(
  context: CommandContext,
  caller: Caller,
  act: (context: CommandContext) => Promise<Answer>,
): Promise<string> {
  const answer = await answering(context, caller, { kind: 'command', text: '/billing test' }, act)
  if (answer.kind === 'open') return JSON.stringify(answer.view)
  if (answer.kind === 'board') return answer.beside?.text ?? ''
  return answer.kind === 'tell' ? answer.message.text : ''
}

/** A line after `/billing`, understood. */
export function typed(line: string): Understood {
  const parsed = parseCommand(line, ['production', 'staging'])
  if (!parsed.ok) throw new Error(`${line} is not understood`)
  return parsed
}

export const deploys = (caller: Caller, text: string, context: CommandContext) =>
  said(context, caller, async () => typed(`deploy ${text}`).act(caller, context))
export const ticketOf = (run: Run) => ({ run: run.number, plan: run.planHash })
export const approves = (caller: Caller, run: Run, context: CommandContext) =>
  said(context, caller, () => approve(caller, ticketOf(run), context))

/** What the dialog carries from its opening to its confirmation. */
export async function dialogOf(run: Run, context: CommandContext, revision?: number): Promise<string> {
  return (await filled(await openRollbackDialog(dana, run.number, context, revision))).private_metadata ?? ''
}

/** The dialog once everything is in it. */
export async function filled(answer: Answer): Promise<ModalView> {
  if (answer.kind !== 'open') throw new Error('no dialog was opened')
  return answer.fill === undefined ? answer.view : answer.fill()
}

const made = '2026-01-05T10:00:00Z'
const revision = (number: number, version: string, more: Partial<RevisionSeen> = {}): RevisionSeen => ({
  revision: String(number),
  replicaSet: { name: `valuecanvas-api-${number}`, uid: `uid-${number}` },
  image: `valuecanvas/api:${version}`,
  createdAt: made,
  changeCause: undefined,
  templateHash: `hash-${number}`,
  current: false,
  serves: false,
  differences: [`spec.containers[api].image: valuecanvas/api:v1.2.0 → valuecanvas/api:${version}`],
  changedSince: [`spec.containers[api].image: valuecanvas/api:${version} → valuecanvas/api:v1.2.0`],
  ...more,
})

/** A cluster in which `failedWithEffects` has just set v1.2.0 over v1.1.0. */
export const running: DeploymentSeen = {
  image: 'valuecanvas/api:v1.2.0',
  templateHash: 'hash-2',
  paused: false,
  revisionHistoryLimit: 10,
  changeCause: undefined,
  writers: [],
  revisions: [
    revision(2, 'v1.2.0', { current: true, differences: [], changedSince: [] }),
    revision(1, 'v1.1.0', { serves: true }),
  ],
}
export { revision as revisionSeen }

const linkOf = (run: number) => `https://example.slack.com/archives/CDEPLOYS/p${run}`

export function commandContexts(stores: () => TestStores) {
  function openRequests(): CommandContext['requests'] {
    const requests = new RequestStore(stores().db)
    return {
      isFirst: (keys) => requests.first(keys),
      keep: (keys, request) => requests.keep(keys, request),
      done: (id) => requests.done(id),
    }
  }

  /** What commands are handed, over real stores; it keeps what was enqueued. */
  function openContext(
    more: Partial<CommandContext> = {},
  ): CommandContext & { readonly enqueued: string[]; readonly announced: string[]; readonly told: string[] } {
    const enqueued: string[] = []
    const announced: string[] = []
    const told: string[] = []
    return {
      runs: stores().runs,
      locks: stores().locks,
      config: configWith(),
      jobs: {
        enqueue: async (run: Run, phase: PhaseName) => void enqueued.push(`#${run.number} ${phase}`),
        publish: async () => undefined,
      },
      directory: {
        workspace: async () => ({ team: 'T1', enterprise: undefined }),
        person: async () => member,
        groupMembers: async (group) => readNow(group === 'SOPS' ? ['UOLA'] : []),
        channelMembers: async () => readNow(['UDANA', 'UALEX', 'USAM']),
      },
      mask: (value) => maskDeep(value, maskOf(new KnownSecrets([new Sensitive(knownSecret)])), slackStructure),
      requests: openRequests(),
      tellPrivately: async ({ user, channel }, message) => void told.push(`${user} ${channel} ${message.text}`),
      lookRate: new PersonRate(TooManyLooks),
      deployRate: new PersonRate(TooManyDeploys),
      tagNames: async () => ['nightly', 'v1.1.0', 'v1.2.0'],
      versions: async () => [
        { name: 'v1.2.0', createdAt: '2026-01-05T10:00:00Z' },
        { name: 'nightly', createdAt: '2026-01-04T10:00:00Z' },
        { name: 'v1.1.0', createdAt: '2025-12-01T10:00:00Z' },
      ],
      backups: (environment) => keptBackups(stores().db, environment),
      newestBackups: (environments) => newestBackups(stores().db, environments),
      rowsNow: async () => [],
      deployment: async () => running,
      schema: async () => undefined,
      keptDatabases: async () => [],
      restoreStrategy: async () => ({ kind: 'swap' }),
      announce: async (channel, message) => void announced.push(`${channel} ${message.text}`),
      boardRefused: async () => undefined,
      refusedBySlack: (environments) => stores().boards.refusals(environments),
      linkTo: async (run) => linkOf(run),
      linksTo: async (runs) => new Map(runs.map((run) => [run, linkOf(run)])),
      now: () => new Date(),
      log: pino({ level: 'silent' }),
      enqueued,
      announced,
      told,
      ...more,
    }
  }

  /** Runs `act` and sees that nothing was changed by it; what the audit says of it, beside that it was asked. */
  async function changesNothing(act: () => Promise<unknown>): Promise<readonly string[]> {
    // That a request came is no change.
    const { audit_events: known = [], requests: _known, ...before } = await stores().everything()
    await act()
    const { audit_events: now = [], requests: _now, ...after } = await stores().everything()
    expect(after).toEqual(before)
    const { rows } = await stores().pool.query<{ kind: string; line: string }>(
      `select kind, actor || ' ' || kind || ' ' || text as line from purser.audit_events order by sequence offset $1`,
      [known.length],
    )
    expect(rows).toHaveLength(now.length - known.length)
    const asked = ['command', 'press', 'dialog', 'home']
    return rows.filter(({ kind }) => !asked.includes(kind)).map(({ line }) => line)
  }

  /** A deploy that changed the image and a CronJob, and then failed. */
  async function failedWithEffects(): Promise<Run> {
    const claim = await stores().under('rollout')
    const replicaSet = { name: 'valuecanvas-api-1', uid: 'uid-1' }
    const stood = {
      image: 'valuecanvas/api:v1.1.0',
      replicaSet,
      templateHash: 'hash-1',
      version: 'v1.1.0',
      proven: true,
    }
    const { id } = await stores().phases.beginEffect(claim, 'image', 'valuecanvas-api', async () => stood)
    const set = { image: 'valuecanvas/api:v1.2.0', templateHash: 'hash-2' }
    await stores().phases.settleEffect(claim, id, 'applied', set)
    await stores().phases.beginEffect(claim, 'cronjob', 'webhook-retry', async () => ({ manifest: null }))
    await stores().phases.finish(claim, { type: 'phase_failed', phase: 'rollout' }, {})
    return stores().runs.get(claim.run)
  }

  async function rollbackOf(run: Run, context: CommandContext): Promise<number> {
    const metadata = await dialogOf(run, context)
    expect(await said(context, dana, () => confirmRollback('UDANA', metadata, 'broken', context))).toBe('')
    return (await stores().runs.list({ kinds: ['rollback'] }))[0]?.number ?? 0
  }

  async function rolledBack(run: Run, context: CommandContext): Promise<void> {
    if ((await stores().runs.effects(run.number)).length === 0)
      await stores().pool.query(
        `insert into purser.effects (run, phase, kind, target, "before", status) values ($1, 'rollout', 'image', 'a', '{"image":"v1","replicaSet":null,"templateHash":"a","version":null}', 'applied')`,
        [run.number],
      )
    const number = await rollbackOf(run, context)
    const undo = await stores().claim(number, 'undo')
    for (const effect of await stores().runs.effects(run.number))
      await stores().phases.settleEffect(undo, effect.id, 'undone')
    await stores().phases.finish(undo, { type: 'phase_succeeded', phase: 'undo' }, {})
    await stores().phases.finish(await stores().claim(number, 'check'), { type: 'phase_succeeded', phase: 'check' }, {})
  }

  return { openContext, changesNothing, failedWithEffects, rollbackOf, rolledBack }
}
