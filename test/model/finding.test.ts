import { describe, expect, it } from 'vitest'
import { doctorLines } from '../../src/messages/doctor/doctor-report.ts'
import { exitCodeOf, type Finding } from '../../src/model/finding.ts'

const finding = (verdict: Finding['verdict'], mend?: string): Finding => ({
  area: 'Slack',
  verdict,
  seen: 'Seen.',
  ...(mend === undefined ? {} : { mend }),
})

describe('what the doctor found', () => {
  it.each<[string, readonly Finding[], number]>([
    ['nothing at all is no "nothing is missing"', [], 2],
    ['all works', [finding('works')], 0],
    ['a note keeps nothing from working', [finding('works'), finding('note')], 0],
    ['something could not be looked at', [finding('works'), finding('unseen')], 2],
    ['something is missing, and something could not be looked at', [finding('unseen'), finding('missing', 'Do.')], 1],
  ])('%s', (_name, findings, code) => {
    expect(exitCodeOf(findings)).toBe(code)
  })

  it('is a table with each remedy below its line, and a count', () => {
    expect(doctorLines([finding('works'), finding('missing', 'Mend it.'), finding('unseen')])).toEqual([
      'Slack  ok        Seen.',
      'Slack  MISSING   Seen.',
      '                 → Mend it.',
      'Slack  NOT SEEN  Seen.',
      '',
      'Looked at 3 things: 1 work, 1 missing, 1 not seen.',
    ])
  })
})
