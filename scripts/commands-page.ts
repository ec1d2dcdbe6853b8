import { grammar } from '../src/commands/grammar.ts'
import { slashCommand } from '../src/commands/grammar/row.ts'
import { sentence } from '../src/text.ts'

type Row = (typeof grammar)[number]

const who: Readonly<Record<Row['may'], string>> = {
  deployers: 'the `deployers` of the environment, in its `channels`',
  'deployers and approvers':
    'the `deployers` and `approvers` of the environment, in its `channels`; what somebody else has locked, its `approvers` (or as `unlock` says)',
  channel:
    "everyone in the environment's `channels`, or of them its `viewers`, `deployers` and `approvers` where it has `viewers`",
  everyone: 'everyone, in any channel',
}

const answers: Readonly<Record<Row['answer'], string>> = {
  board: 'a board in the channel, which follows the run; a refusal is shown to you only',
  message: 'a message that only you see',
  announcement: "a message in the environment's `channels`",
}

/** docs/commands.md. */
export function commandsPage(): string {
  return `${[intro, ...grammar.map(section)].join('\n\n')}\n`
}

const intro = `# Commands

<!-- Written by \`npm run schema\` from src/commands/grammar.ts. -->

Everything is typed after \`${slashCommand}\`, in a channel in which the commands of the environment are taken. Each argument in
brackets may be left out, and options may stand anywhere. A line that is not understood changes nothing and is answered with
the right usage. Names in code below (\`deployers\`, \`channels\`, \`approvals\` …) are settings of an environment's policy in
\`purser.yaml\`; approvers press **Approve** on the board.

${grammar.map(({ name, does }) => `- [\`${name}\`](#${name}) ${does}`).join('\n')}`

function section(row: Row): string {
  const facts = [
    ...row.words.map(explained),
    `Who may: ${who[row.may]}`,
    ...(row.approvals === undefined ? [] : [`Approval: by as many approvers as ${code(row.approvals)} says`]),
    `Answer: ${answers[row.answer]}`,
  ]
  return [
    `## ${row.name}`,
    fenced([row.usage]),
    [sentence(row.does), ...(row.more === undefined ? [] : [row.more])].join(' '),
    facts.map((fact) => `- ${fact}`).join('\n'),
    'For example:',
    fenced(row.examples.map((line) => `${slashCommand} ${line}`)),
  ].join('\n\n')
}

function explained({ label, value, choices, after, does }: Row['words'][number]): string {
  const names = (choices ?? [value === undefined ? label : `${label} ${value}`]).map(code).join(', ')
  return `${names}${after === undefined ? '' : ` after ${code(after)}`}: ${does}`
}

function code(text: string): string {
  return `\`${text}\``
}

function fenced(lines: readonly string[]): string {
  return ['```text', ...lines, '```'].join('\n')
}
