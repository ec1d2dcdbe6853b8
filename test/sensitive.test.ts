import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bare, Sensitive, straysIn } from '../src/sensitive.ts'

const secret = 'whsec_abcdefgh12345678'

describe('what stands in a value and belongs to no key', () => {
  it.each<[string, readonly string[]]>([
    [secret, []],
    [`${secret}\n`, ['a newline is at its end']],
    [`${secret}\r\n`, ['a newline is at its end']],
    [`${secret}\n\n`, ['newlines are at its end']],
    [` ${secret}`, ['a space is at its beginning']],
    [`${secret}  `, ['2 spaces are at its end']],
    [`\t${secret} \n`, ['white space is at its beginning', 'white space is at its end']],
    [`\ufeff${secret}`, ['a byte order mark is at its beginning']],
    [`${secret}\u00a0`, ['white space is at its end']],
    [`"${secret}"`, ['quotation marks are around it']],
    [`'${secret}'\n`, ['a newline is at its end', 'quotation marks are around it']],
    [`“${secret}”`, ['curly quotation marks are around it']],
    [`whsec_abcd\u200befgh12345678`, ['invisible characters are in it']],
    [`${secret}\\n`, ['the two characters \\n are at its end']],
    ['\n', ['only white space is in it']],
    ['', []],
    [`${secret},${secret}`, []],
    ['postgres://u:p"a"s@db:5432/x', []],
    ['line 1\nline 2', []],
  ])('%j: %j', (value, strays) => {
    expect(new Sensitive(value).strays).toEqual(strays)
    if (value.trim() !== '' && strays.length > 0) expect(bare(new Sensitive(value)).reveal()).toBe(secret)
  })

  it('is named without the value, and nothing is left once it is taken away', () => {
    const around = fc.stringMatching(/^[ \t\r\n\u00a0\u200b\ufeff]{0,3}$/)
    fc.assert(
      fc.property(around, around, (before, after) => {
        const value = `${before}${secret}${after}`
        expect(straysIn(value).join()).not.toContain('whsec')
        expect(straysIn(bare(new Sensitive(value)).reveal())).toEqual([])
        if (value !== secret) expect(straysIn(value)).not.toEqual([])
      }),
    )
  })
})
