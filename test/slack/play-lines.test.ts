import { describe, expect, it } from 'vitest'
import { commandOf, linesOf } from '../../sandbox/commands.ts'
import { grammar } from '../../src/commands/grammar.ts'

describe('a script for --play', () => {
  it.each<[script: string, lines: readonly string[]]>([
    ['deploy v1.2.0; verify; rollback', ['dana: deploy v1.2.0', 'dana: verify', 'dana: rollback']],
    ['sam: deploy v1.2.0;alex:status ;', ['sam: deploy v1.2.0', 'alex: status']],
    ['break clock-skew; diagnose webhook; mend', ['dana: break clock-skew', 'dana: diagnose webhook', 'dana: mend']],
    ['deploy v1.2.0; rm -rf /', ['dana: deploy v1.2.0; rm -rf /']],
    ['deploy v1.2.0; verfy', ['dana: deploy v1.2.0', 'dana: verfy']],
    ['frobnicate now; status', ['dana: frobnicate now', 'dana: status']],
    ['', []],
  ])('%s', (script, lines) => {
    expect(linesOf(script).map(({ who, text }) => `${who}: ${text}`)).toEqual(lines)
  })

  it('is divided before every command', () => {
    const names = grammar.map(({ name }) => name)
    expect(linesOf(names.join('; ')).map(({ text }) => text)).toEqual(names)
  })

  it('knows how a line should be answered by its command, and nothing of what is no command', () => {
    expect(commandOf(' Status #42')?.answer).toBe('message')
    expect(commandOf('deploy v1.2.0')?.answer).toBe('board')
    expect(commandOf('deplyo v1.2.0')).toBeUndefined()
  })
})
