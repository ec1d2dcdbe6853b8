import type { WaitingPost } from '../store/boards.ts'

const mostJoinedLines = 40

/** What a person has to act on. It is never given up, and does not wait behind what commands have printed. */
const urgent: ReadonlySet<WaitingPost['post']['kind']> = new Set([
  'approval_request',
  'reminder',
  'replanned',
  'failed',
  'breach',
])

export function isUrgent({ kind }: WaitingPost['post']): boolean {
  return urgent.has(kind)
}

/** The posts that anything urgent overtakes; the others keep their order, because they are read as a story. */
const overtaken: ReadonlySet<WaitingPost['post']['kind']> = new Set(['output', 'note', 'report', 'audit_head'])

export interface Batch {
  readonly ids: readonly number[]
  readonly post: WaitingPost['post']
  /** The form in which it is offered to Slack next; those before it were refused. */
  readonly rung: number
}

/**
 * Takes the next post. Slack allows one a second in a channel, so what calls people is taken before output and notes. Output
 * with the same title that follows directly is joined to it.
 */
export function nextBatch(waiting: readonly WaitingPost[]): Batch | undefined {
  const first = waiting.some(({ post }) => isUrgent(post))
    ? waiting.find(({ post }) => !overtaken.has(post.kind))
    : waiting[0]
  if (first === undefined) return undefined
  const { post: told, rung } = first
  if (told.kind !== 'output') return { ids: [first.id], post: told, rung }
  const ids: number[] = []
  const lines: string[] = []
  for (const { id, post } of waiting) {
    if (post.kind !== 'output' || post.title !== told.title) break
    if (lines.length > 0 && lines.length + post.lines.length > mostJoinedLines) break
    ids.push(id)
    lines.push(...post.lines)
  }
  return { ids, post: { ...told, lines }, rung }
}
