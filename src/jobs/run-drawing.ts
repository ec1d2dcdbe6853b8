import type { Logger } from 'pino'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { boardMessage } from '../messages/board/board.ts'
import type { Watched } from '../messages/blocks/charts.ts'
import type { Message } from '../messages/blocks/message.ts'
import { boardInShort, postInShort } from '../messages/board/in-short.ts'
import { reportMarkdown } from '../messages/report/report.ts'
import type { ThreadFacts } from '../messages/thread/outcome-posts.ts'
import { threadMessage } from '../messages/thread/thread.ts'
import type { ThreadPost } from '../model/post.ts'
import { hasEnded, type Run } from '../model/run.ts'
import { rollbackUntil } from '../model/rollback-window.ts'
import { currentWatch } from '../model/watch.ts'
import { chartedRules } from '../runbook/monitor/monitor-rules.ts'
import type { BoardStore } from '../store/boards.ts'
import type { RunStore } from '../store/runs.ts'
import { approversOf } from './approvers.ts'

interface DrawingDependencies {
  readonly runs: RunStore
  readonly boards: BoardStore
  readonly config: PurserConfig
  readonly mask: <T>(value: T) => T
  readonly log: Logger
}

type Report = Extract<ThreadPost, { kind: 'report' }>

/** The report of a run as a text, and what the verification came to, where there was one. */
interface DrawnReport {
  readonly content: string
  readonly verification: Message | undefined
}

/** Draws from the state database what is shown of a run: its board, its posts, its report. Everything drawn is masked. */
export class RunDrawing {
  readonly #deps: DrawingDependencies

  constructor(deps: DrawingDependencies) {
    this.#deps = deps
  }

  /** A fault in drawing the board must not silence the run: then its state is said in words. */
  async board(run: Run, now: Date): Promise<Message> {
    const policy = this.#deps.config.environments[run.environment]
    const view = {
      now,
      rollbackUntil: policy === undefined ? undefined : rollbackUntil(run, policy.policy.rollbackButtonHours),
      // Nobody is called out of bed for a plan that could not be made.
      onCall: run.phases.some((phase) => phase.name === 'plan' && phase.status === 'failed')
        ? undefined
        : policy?.contacts.onCall,
      approvers: policy === undefined ? [] : approversOf(run, policy.policy),
      pace: run.status === 'executing' ? await this.#deps.runs.medianDurations(run.environment) : {},
      decisions: await this.#deps.runs.decisions(run.number),
      ...(hasEnded(run) && run.kind === 'deploy' ? { effects: await this.#deps.runs.effects(run.number) } : {}),
      // The report of a success is a file, so the board keeps the charts.
      ...(currentWatch(run) === undefined && !hasSucceededWatch(run) ? {} : { watched: await this.#watched(run) }),
    }
    return this.#drawn(
      run,
      () => boardMessage(run, view),
      () => boardInShort(run, view),
    )
  }

  #drawn(run: Run, whole: () => Message, short: () => Message): Message {
    try {
      return this.#deps.mask(whole())
    } catch (error) {
      this.#deps.log.error({ err: error, run: run.number }, 'drawing a message')
      return this.#deps.mask(short())
    }
  }

  /** Draws a post for the thread. */
  async post(run: Run, post: ThreadPost): Promise<Message> {
    const facts = await this.#threadFacts(run, post)
    return this.#drawn(
      run,
      () => threadMessage(post, run, facts),
      () => postInShort(post, run),
    )
  }

  async report(run: Run, { verification }: Report): Promise<DrawnReport> {
    const { runs, boards, mask } = this.#deps
    const [samples, errors, auditHead, outputs] = await Promise.all([
      runs.samples(run.number),
      runs.logGroups(run),
      runs.auditHead(),
      boards.outputs(run.number),
    ])
    return {
      content: mask(reportMarkdown(run, { samples, errors, auditHead, outputs })),
      verification:
        verification === undefined ? undefined : mask(threadMessage({ kind: 'verification', verification }, run)),
    }
  }

  async #threadFacts(run: Run, { kind }: ThreadPost): Promise<ThreadFacts> {
    const policy = this.#deps.config.environments[run.environment]?.policy
    const until = policy === undefined ? undefined : rollbackUntil(run, policy.rollbackButtonHours)
    return {
      ...(['verification', 'failed', 'breach'].includes(kind) ? { watched: await this.#watched(run) } : {}),
      ...(until === undefined ? {} : { rollback: { now: (await this.#deps.boards.board(run.number)).now, until } }),
    }
  }

  async #watched(run: Run): Promise<Watched> {
    return {
      samples: await this.#deps.runs.samples(run.number),
      metrics: chartedRules(this.#deps.config.service.monitor),
    }
  }
}

/** Tells a deploy that was monitored to its end. */
function hasSucceededWatch({ kind, status, watch }: Run): boolean {
  return kind === 'deploy' && status === 'succeeded' && watch !== undefined
}
