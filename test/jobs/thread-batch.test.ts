import { describe, expect, it } from 'vitest'
import { nextBatch } from '../../src/jobs/thread-batch.ts'
import type { ThreadPost } from '../../src/model/post.ts'

const output = (title: string, ...lines: string[]): ThreadPost => ({ kind: 'output', title, lines })
const note = (text: string): ThreadPost => ({ kind: 'note', text })
const lines = (count: number) => Array.from({ length: count }, (_, at) => `line ${at}`)
const plan: ThreadPost = { kind: 'plan' }
const request: ThreadPost = { kind: 'approval_request', approvers: [] }
const breach: ThreadPost = { kind: 'breach', text: 'errors: 9', evidence: [], onCall: undefined, automatic: false }
const failed: ThreadPost = {
  kind: 'failed',
  phase: 'e2e',
  failure: { code: 'command_failed', message: 'x', evidence: [] },
  onCall: undefined,
}
const head: ThreadPost = { kind: 'audit_head', sequence: 1, hash: 'a' }

const taken = (posts: readonly ThreadPost[]) => nextBatch(posts.map((post, at) => ({ id: at + 1, post, rung: 0 })))

describe('what goes to the thread as one post', () => {
  it.each<[string, ThreadPost[], number[] | undefined, number | undefined]>([
    ['nothing when nothing waits', [], undefined, undefined],
    ['a note by itself', [note('a'), note('b')], [1], undefined],
    ['output of one title together', [output('e2e', 'a'), output('e2e', 'b', 'c')], [1, 2], 3],
    ['output up to another title', [output('e2e', 'a'), output('build', 'b'), output('e2e', 'c')], [1], 1],
    ['output up to a note: the order stays', [output('e2e', 'a'), note('b'), output('e2e', 'c')], [1], 1],
    ['up to 40 lines', [output('e2e', ...lines(30)), output('e2e', ...lines(10)), output('e2e', 'x')], [1, 2], 40],
    ['more lines that came as one', [output('e2e', ...lines(90)), output('e2e', 'x')], [1], 90],
  ])('%s', (_, posts, ids, count) => {
    const batch = taken(posts)
    expect(batch?.ids).toEqual(ids)
    if (batch?.post.kind === 'output') expect(batch.post.lines).toHaveLength(count ?? 0)
  })
})

describe('who is called does not wait behind output and notes', () => {
  it.each<[string, ThreadPost[], number]>([
    ['a failure before a hundred lines of output', [output('e2e', ...lines(100)), output('b', 'x'), failed], 3],
    ['a breach before notes', [note('a'), note('b'), breach, note('c')], 3],
    ['the request for an approval comes after its plan', [note('a'), plan, request], 2],
    ['a plan is not overtaken', [plan, output('e2e', 'a'), request], 1],
    ['the first of two', [note('a'), breach, failed], 2],
    ['a failure before the head of the audit', [head, failed], 2],
    ['without anybody to call the order stays', [output('e2e', 'a'), plan, note('b')], 1],
  ])('%s', (_, posts, first) => expect(taken(posts)?.ids[0]).toBe(first))
})
