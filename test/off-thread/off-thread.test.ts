import { describe, expect, it } from 'vitest'
import { offThread } from '../../src/adapters/off-thread/off-thread.ts'

const signal = () => AbortSignal.timeout(30_000)
const long = (text: string) => `${'select 1;\n'.repeat(5_000)}${text}`

describe('a long text is read in a thread of its own', () => {
  it('with the same result as a short one', async () => {
    const short = await offThread('migration', 'drop table customers', signal())
    const { found } = await offThread('migration', long('drop table customers'), signal())
    expect(found).toEqual(short.found.map((one) => ({ ...one, line: 5_001 })))
  })

  it('that ends with the signal, for its reason', async () => {
    const stop = new AbortController()
    const reading = offThread('migration', long(''), stop.signal)
    stop.abort(new Error('the run was cancelled'))
    await expect(reading).rejects.toThrow('the run was cancelled')
  })

  it.each([
    ['nested deeper than the parser goes', `select ${'('.repeat(100_000)}1${')'.repeat(100_000)}`],
    ['chained longer than the parser goes', `select ${'a+'.repeat(100_000)}1`],
    [
      'with texts in texts in texts',
      Array.from({ length: 400 }, (_, n) => n).reduce(
        (inner, n) => `do $t${n}$ begin execute $e${n}$ ${inner} $e${n}$; end $t${n}$`,
        'drop table customers',
      ),
    ],
    ['with a quote that never ends', `select '${'x'.repeat(100_000)}`],
    ['with a comment that never ends', `/* ${'x /* '.repeat(30_000)}`],
    ['with a body that never ends', `create function f() returns int begin atomic ${'select 1;'.repeat(10_000)}`],
  ])('and a text %s is said to be unreadable, what stands beside it is not hidden', async (_, text) => {
    const { found } = await offThread('migration', `drop table orders;\n${long('')}\n${text}`, signal())
    expect(found.some(({ weight }) => weight === 'unreadable')).toBe(true)
    expect(found).toContainEqual(expect.objectContaining({ what: 'drops table orders', line: 1 }))
  })
})
