import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Repository } from '../adapters/git/port.ts'
import type { Chat, Directory } from '../adapters/slack/port.ts'
import type { CommandContext, RestoreStrategy, SchemaFacts } from '../commands/command-context.ts'
import { PersonRate, TooManyDeploys, TooManyLooks } from '../commands/person-rate.ts'
import { sharedQuestion } from '../commands/shared-question.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import type { BoardRefusal } from '../model/board-refusal.ts'
import { withDeclared } from '../model/schema-compatibility.ts'
import { CheckFailed } from '../runbook/errors.ts'
import { restoreStrategy } from '../runbook/restore/strategy.ts'
import type { World } from '../runbook/world.ts'
import { keptBackups, newestBackups } from '../store/backups.ts'
import type { BoardStore } from '../store/boards.ts'
import type { StateDatabase } from '../store/database.ts'
import type { LockStore } from '../store/locks.ts'
import { knownReleases, schemaChanges } from '../store/releases.ts'
import type { RequestStore } from '../store/requests.ts'
import type { RunStore } from '../store/runs.ts'
import { StateTrouble } from '../store/trouble.ts'

/** What is built at the start and what commands need of it, directly or behind a question. */
interface CommandParts {
  readonly config: PurserConfig
  readonly db: StateDatabase
  readonly runs: RunStore
  readonly locks: LockStore
  readonly boards: BoardStore
  readonly chat: Chat
  readonly directory: Directory
  readonly requests: RequestStore
  readonly repository: Repository
  readonly worldOf: (environment: string) => World
  readonly jobs: CommandContext['jobs']
  readonly mask: <T>(value: T) => T
  readonly log: Logger
}

/*
 * People wait for the answers of commands: Slack closes a dialog that is not filled in time, so every question to the
 * outside has a short limit here, and what is not known by then is said to be unknown.
 */
/** Within it a dialog must still open: Slack gives three seconds from the press. */
const whoLimitMs = 1_500
/** Whoever asks has a shorter limit of their own; others may wait for the same answer. */
const tagsLimitMs = 4_000
/** Of the three seconds until an acknowledgement. */
const keepLimitMs = 1_500
const versionsLimitMs = 30_000
const countLimitMs = 10_000
const databaseLimitMs = 5_000
const ledgerLimitMs = 2_000
const postLimitMs = 10_000
const boardPauseMs = 200

/** Makes what commands are handed: stores, the queue, and questions that change nothing. */
export function commandContext(parts: CommandParts): CommandContext {
  const { config, db, runs, locks, boards, chat, directory, requests, repository, worldOf, jobs, mask, log } = parts
  const links = boardLinks(boards, chat)
  return {
    runs,
    locks,
    config,
    jobs,
    directory: {
      workspace: () => directory.workspace(AbortSignal.timeout(whoLimitMs)),
      person: (user) => directory.person(user, AbortSignal.timeout(whoLimitMs)),
      groupMembers: (group) => directory.groupMembers(group, AbortSignal.timeout(whoLimitMs)),
      channelMembers: (channel) => directory.channelMembers(channel, AbortSignal.timeout(whoLimitMs)),
    },
    requests: {
      isFirst: (keys) => requests.first(keys),
      keep: (keys, request) => keptInTime(keys, request, parts),
      done: (request) => requests.done(request),
    },
    lookRate: new PersonRate(TooManyLooks),
    deployRate: new PersonRate(TooManyDeploys),
    tagNames: sharedQuestion((withinMs) => repository.tagNames(AbortSignal.timeout(withinMs)), tagsLimitMs),
    versions: () => repository.tags(AbortSignal.timeout(versionsLimitMs)),
    backups: (environment) => keptBackups(db, environment),
    newestBackups: (environments) => newestBackups(db, environments),
    rowsNow: (environment, tables) =>
      worldOf(environment).restores.countNow(tables, countLimitMs, AbortSignal.timeout(2 * countLimitMs)),
    deployment: async (environment, signal) => {
      const { deployment, container } = config.service
      return mask(await worldOf(environment).cluster.history(deployment, container, signal))
    },
    keptDatabases: (environment) => worldOf(environment).restores.kept(AbortSignal.timeout(databaseLimitMs)),
    restoreStrategy: (environment, file) => strategyFor(environment, file, parts),
    schema: (environment) => schemaFacts(environment, parts),
    tellPrivately: ({ user, channel }, message) =>
      chat.postEphemeral(channel, user, mask(message), AbortSignal.timeout(postLimitMs)),
    announce: async (channel, message) => {
      await chat.post(channel, mask(message), {}, AbortSignal.timeout(postLimitMs))
    },
    mask,
    boardRefused: (run, withinMs) => boardRefused(boards, run, withinMs),
    refusedBySlack: (environments) => boards.refusals(environments),
    linkTo: async (run) => (await links([run])).get(run),
    linksTo: links,
    now: () => new Date(),
    log,
  }
}

/** Slack waits three seconds for an acknowledgement, and whoever asked is answered with what it came to. */
async function keptInTime(
  keys: readonly string[],
  request: object,
  { requests, log }: CommandParts,
): Promise<string | undefined> {
  const keeping = requests.keep(keys, request)
  const late = Symbol('late')
  const kept = await Promise.race([keeping, delay(keepLimitMs, late, { ref: false })])
  if (kept !== late) return kept
  // Whoever asked is told that nothing was done: should it be kept after all, nobody may carry it out later.
  void keeping
    .then((id) => (id === undefined ? undefined : requests.done(id)))
    .catch((error: unknown) => log.warn({ err: error }, 'giving up a request that was kept too late'))
  throw new StateTrouble('state_slow', new Error(`a request of Slack was not kept within ${keepLimitMs} ms`))
}

/**
 * Tells how a backup would come back. Undefined when the environment is gone from purser.yaml or its database does not
 * answer in time.
 */
async function strategyFor(
  name: string,
  file: string,
  { config, worldOf, log }: CommandParts,
): Promise<RestoreStrategy | undefined> {
  const environment = config.environments[name]
  if (environment === undefined) return undefined
  const limit = AbortSignal.timeout(databaseLimitMs)
  try {
    const { backups, restores } = worldOf(name)
    const backup = await backups.find(file, limit)
    if (backup === undefined) return { kind: 'none', why: `${file} isn't there any more` }
    const strategy = await restoreStrategy({ restores }, environment, backup, limit)
    return strategy === undefined ? { kind: 'swap' } : { kind: 'in-place', ...strategy }
  } catch (error) {
    if (error instanceof CheckFailed) return { kind: 'none', why: error.message }
    log.warn({ err: error }, 'asking how a backup would come back')
    return undefined
  }
}

async function schemaFacts(
  environment: string,
  { config, db, worldOf, log }: CommandParts,
): Promise<SchemaFacts | undefined> {
  const applied = worldOf(environment)
    .database.ledger(AbortSignal.timeout(ledgerLimitMs))
    .catch((error: unknown) => {
      log.warn({ err: error }, 'reading the ledger for a rollback')
      return undefined
    })
  const [ledger, changes, releases] = await Promise.all([
    applied,
    schemaChanges(db, environment),
    knownReleases(db, environment),
  ])
  if (ledger === undefined) return undefined
  return { now: { applied: ledger, changes: withDeclared(changes, config.service.migrations.needs) }, releases }
}

/** Looks until the board stands, or Slack has refused to have it there; the publisher may be another process. */
async function boardRefused(boards: BoardStore, run: number, withinMs: number): Promise<BoardRefusal | undefined> {
  const until = Date.now() + withinMs
  while (Date.now() < until) {
    const { ts, refusal } = await boards.board(run)
    if (ts !== undefined) return undefined
    if (refusal?.of === 'channel') return refusal
    await delay(boardPauseMs)
  }
  return undefined
}

/** Asks Slack for the address of each board once, as it never changes. */
function boardLinks(boards: BoardStore, chat: Chat): (runs: readonly number[]) => Promise<ReadonlyMap<number, string>> {
  const known = new Map<string, string>()
  return async (runs) => {
    const links = new Map<number, string>()
    const link = async (run: number, { channel, ts }: { readonly channel: string; readonly ts: string }) => {
      const key = `${channel} ${ts}`
      const url = known.get(key) ?? (await chat.permalink({ channel, ts }, AbortSignal.timeout(5_000)))
      if (url === undefined) return
      known.set(key, url)
      links.set(run, url)
    }
    await Promise.all([...(await boards.places(runs))].map(([run, place]) => link(run, place)))
    return links
  }
}
