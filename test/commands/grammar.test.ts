import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Caller } from '../../src/commands/command-context.ts'
import { grammar, parseCommand } from '../../src/commands/grammar.ts'
import { slashCommand } from '../../src/commands/grammar/row.ts'
import { help } from '../../src/messages/answers/answers.ts'
import { commandHints } from '../../sandbox/commands.ts'
import { commandsPage } from '../../scripts/commands-page.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { commandContexts, dana, said, sam, typed } from './command-context.ts'

const environments = ['production', 'staging']
const isOption = ({ label }: { label: string }) => label.startsWith('--')
const options = [...new Set(grammar.flatMap(({ words }) => words.filter(isOption).map(({ label }) => label)))]
/** The page by command: the section that begins with its name. */
const sections = new Map(
  commandsPage()
    .split('\n## ')
    .map((section) => [section.split('\n', 1)[0] ?? '', section]),
)

it('keeps docs/commands.md fresh (npm run schema writes it)', () => {
  expect(readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')).toBe(commandsPage())
})

it('has every command that slack-manifest.yaml hints at', () => {
  const manifest = readFileSync(new URL('../../slack-manifest.yaml', import.meta.url), 'utf8')
  const hinted = /usage_hint: (.*)/.exec(manifest)?.[1]?.split(' | ') ?? []
  expect(hinted).not.toHaveLength(0)
  for (const line of hinted) expect(parseCommand(line, environments)).toMatchObject({ ok: true })
})

it('says the same of every command in the help, on the page and in the hints of the sandbox', () => {
  const { text } = help(grammar)
  for (const { name, usage, does } of grammar) {
    expect(text).toContain(`\n\`${usage}\` – ${does}`)
    expect(commandsPage()).toContain(`- [\`${name}\`](#${name}) ${does}\n`)
    expect(sections.get(name)).toContain(`\n${usage}\n`)
    const hint = commandHints.find((one) => one.name === name)
    expect([slashCommand, hint?.name, ...(hint?.parts ?? [])].join(' ')).toBe(usage)
    expect(hint?.description).toBe(does)
  }
  expect(commandHints).toHaveLength(grammar.length)
})

it('names no command in the README or in docs/deploy.md that there is not', () => {
  for (const page of ['README.md', 'docs/deploy.md', 'docs/operating.md']) {
    const lines = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8').matchAll(/\/billing ([a-z]+)/g)
    for (const [typed, name = ''] of lines)
      expect(
        grammar.map((row) => row.name),
        `${page}: ${typed}`,
      ).toContain(name)
  }
})

// What follows `lock` is the reason, and what follows `help` is passed over.
const withOptions = grammar.filter(({ name }) => name !== 'lock' && name !== 'help')

describe.each(withOptions.map(({ name, usage }) => [name, usage]))('%s', (name, usage) => {
  it.each(options)('takes %s only if its usage text says so', (option) => {
    const parsed = parseCommand(`${name} ${option}`, environments)
    const refused = !parsed.ok && parsed.kind === 'wrong' && parsed.text === `${name} has no option ${option}.`
    expect(usage.includes(`[${option}`)).toBe(!refused)
  })
})

describe.each(grammar.map((row) => [row.name, row] as const))('%s', (name, row) => {
  it('has its usage and every argument, option and example in docs/commands.md', () => {
    const section = sections.get(name)
    expect(section).toContain(`\n${row.usage}\n`)
    for (const { label, choices = [label], does } of row.words)
      for (const choice of choices)
        expect(
          section?.split('\n').filter((line) => line.startsWith('- ') && line.endsWith(`: ${does}`)),
        ).toContainEqual(expect.stringMatching(new RegExp(`\`${choice}[ \`]`)))
    for (const example of row.examples) expect(section).toContain(`\n/billing ${example}\n`)
  })

  it.each([...row.examples])('understands its example: %s', (example) => {
    expect(parseCommand(example, environments)).toMatchObject({ ok: true })
    expect(example.split(' ', 1)).toEqual([name])
  })
})

describe('who may', () => {
  let stores: TestStores
  beforeAll(async () => {
    stores = await openStores()
  })
  beforeEach(() => stores.reset())
  afterAll(() => stores.close())

  const { openContext, failedWithEffects } = commandContexts(() => stores)

  /** Types every command and says to which of them the answer is this. */
  async function answeredWith(text: string, caller: Caller): Promise<readonly string[]> {
    // There is something to roll back and to retry, and something to cancel.
    await failedWithEffects()
    await stores.waiting()
    const context = openContext()
    const answered: string[] = []
    for (const { name } of grammar) {
      const answer = await said(context, caller, async () => typed(name).act(caller, context))
      if (answer.includes(text)) answered.push(name)
    }
    return answered
  }
  const named = (wanted: (row: (typeof grammar)[number]) => boolean) => grammar.filter(wanted).map(({ name }) => name)

  it('somebody who may not deploy is refused the commands of deployers, and no other', async () => {
    const refused = await answeredWith("You can't start or change runs in production.", sam)
    expect(refused).toEqual(named(({ may }) => may.startsWith('deployers')))
  })

  it('in another channel everything is refused but what everyone may', async () => {
    const elsewhere = { ...dana, channel: 'CRANDOM' }
    const refused = await answeredWith("This channel doesn't take commands for production.", elsewhere)
    expect(refused).toEqual(named(({ may }) => may !== 'everyone'))
  })
})
