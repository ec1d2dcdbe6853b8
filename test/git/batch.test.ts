import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchReader } from '../../src/adapters/git/batch.ts'

const options = { doing: 'reading 3 files at 1234567', mostBytes: 1_000_000 }
const idOf = (content: Buffer): string => createHash('sha1').update(content).digest('hex')

/** As `git cat-file --batch` prints them. */
function printed(contents: readonly Buffer[]): Buffer {
  const parts = contents.flatMap((one) => [Buffer.from(`${idOf(one)} blob ${one.length}\n`), one, Buffer.from('\n')])
  return Buffer.concat(parts)
}

/** Cut at these places, wherever in a header, a size or a content they are. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

function read(chunks: readonly Buffer[], more: Partial<typeof options> = {}): readonly (readonly [string, Buffer])[] {
  const objects: (readonly [string, Buffer])[] = []
  const reader = new BatchReader({ ...options, ...more }, (id, content) => void objects.push([id, content]))
  for (const chunk of chunks) reader.take(chunk)
  reader.end()
  return objects
}

/** Bytes of any kind, and those that look like what stands between contents. */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom('\n', '0', ' blob 3\n', `${'a'.repeat(40)} blob 0\n\n`))
    .map((it) => Buffer.from(it.join(''))),
)
const places = fc.array(fc.nat(), { maxLength: 40 })

describe('what git prints of many files', () => {
  it('gives every content byte for byte, wherever its chunks are cut', () => {
    fc.assert(
      fc.property(fc.array(content), places, (contents, at) => {
        expect(read(cut(printed(contents), at))).toEqual(contents.map((one) => [idOf(one), one]))
      }),
    )
  })

  it('comes byte by byte as well', () => {
    const contents = ['', '\n', 'select 1;\n', '\0\xff\r\n'].map((text) => Buffer.from(text, 'latin1'))
    const bytes = [...printed(contents)].map((byte) => Buffer.from([byte]))
    expect(read(bytes).map(([, one]) => one)).toEqual(contents)
  })

  it('is refused when it is cut short, anywhere but between two files', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 1 }), fc.nat(), (contents, place) => {
        const whole = printed(contents)
        const ends = new Set(contents.map((_, index) => printed(contents.slice(0, index)).length))
        const end = place % whole.length
        if (ends.has(end)) expect(read([whole.subarray(0, end)]).length).toBeLessThan(contents.length)
        else expect(() => read([whole.subarray(0, end)])).toThrow('in the middle of a file')
      }),
    )
  })

  it('is refused when it is something else', () => {
    const id = 'a'.repeat(40)
    const bad = [
      `${id} missing\n`,
      `${id} tree 3\nabc\n`,
      'fatal: oh\n',
      '\n',
      'x'.repeat(5_000),
      `${id} blob 3\nabcd\n`,
    ]
    for (const text of bad) {
      const failure = { code: 'git_failed', message: expect.stringMatching(/^reading 3 files at 1234567: /) }
      expect(() => read([Buffer.from(text)]), text).toThrow(expect.objectContaining(failure))
    }
  })

  it('may be as large as allowed all together, and not a byte larger', () => {
    const bytes = printed([Buffer.alloc(600), Buffer.alloc(400, 1)])
    expect(read([bytes], { mostBytes: 1_000 })).toHaveLength(2)
    expect(() => read([bytes], { mostBytes: 999 })).toThrow(
      expect.objectContaining({
        code: 'file_too_large',
        message: 'reading 3 files at 1234567: together more than 999 bytes',
      }),
    )
  })
})
