import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { richText } from '../../src/messages/blocks/marks.ts'
import { oneLine } from '../../src/text.ts'
import { words } from '../../src/messages/blocks/message.ts'

const section = (...elements: readonly object[]) => ({ type: 'rich_text_section', elements })
const said = (text: string, style?: object) => ({ type: 'text', text, ...(style === undefined ? {} : { style }) })

describe('text with marks', () => {
  it('becomes pieces of rich text: bold, code, people, times, signs, quotations', () => {
    const marked =
      ':x: *Failed* in `v1.2.0`, <@U01DANA00> and <!subteam^S01OPS> at <!date^1767622800^{time}|14:20>\n>no'
    expect(richText(marked, 3000).elements).toEqual([
      section(
        { type: 'emoji', name: 'x' },
        said(' '),
        said('Failed', { bold: true }),
        said(' in '),
        said('v1.2.0', { code: true }),
        said(', '),
        { type: 'user', user_id: 'U01DANA00' },
        said(' and '),
        { type: 'usergroup', usergroup_id: 'S01OPS' },
        said(' at '),
        { type: 'date', timestamp: 1767622800, format: '{time}', fallback: '14:20' },
      ),
      { type: 'rich_text_quote', elements: [said('no')] },
    ])
  })

  it.each(['*/5 * * * *', '_wip_', '~gone~', '`rm`', ':fire:', '<!channel>', '&amp;', '>said'])(
    'shows %s from outside as it is, beside marks of our own',
    (text) => {
      const [first] = richText(`*Schedule:* ${words(text)}`, 3000).elements
      expect(first).toEqual(section(said('Schedule:', { bold: true }), said(` ${text}`)))
    },
  )

  it('shows any text from outside as it is', () => {
    const outside = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).filter((text) => oneLine(text) !== '')
    fc.assert(
      fc.property(outside, (text) => {
        expect(richText(words(text, 500), 3000).elements).toEqual([section(said(oneLine(text)))])
      }),
    )
  })

  it('is cut where its room ends, and says so', () => {
    const [first] = richText(`*a*${'x'.repeat(50)} *later*`, 10).elements
    expect(first).toEqual(section(said('a', { bold: true }), said(`${'x'.repeat(8)}…`)))
  })
})
