import { typedFor } from './player.ts'
import { groups, type Group, type Said, type Scene } from './scene.ts'

/** Writes the scenes for people, as docs/stripe-scenes.md. */
export function tableOf(scenes: readonly Scene[]): string {
  const named = Object.keys(groups) as Group[]
  const parts = named.map((group) => {
    const own = scenes.filter((scene) => scene.group === group)
    return own.length === 0 ? '' : `## ${groups[group]}\n\n${own.map(entryOf).join('\n')}`
  })
  return `${head}\n${parts.filter((part) => part !== '').join('\n')}`
}

const head = `# Scenes with Stripe

What Purser says in trouble with Stripe, scene by scene. \`test/world/stripe-scenes\` plays each of them in the sandbox, by typing and pressing in its Slack,
and compares this page with what it plays. In quoted words \`…\` stands for anything, \`#\` for a number. At its end each event of the scene is counted in the service's tables.
`

function entryOf(scene: Scene): string {
  const { id, name, acts, events } = scene
  const { made, missing } = events
  const lines = (['plan', 'deploy', 'verify', 'monitor', 'diagnose'] as const).map(
    (act) => `- ${act}: ${wordsOf(scene[act])}`,
  )
  const count = made === 'traffic' ? 'all that came by' : String(made)
  const lacking = missing === 0 ? 'each in the table exactly once' : `${missing} not in the table, and told`
  const steps = acts
    .map((act, at) => (act === 'deploy' ? `\`${typedFor(scene, acts.indexOf('deploy') < at)}\`` : act))
    .join(', ')
  return `### ${id}: ${name}\n\n${[`- steps: ${steps}`, ...lines, `- events: ${count}, ${lacking}`].join('\n')}\n`
}

function wordsOf(said: Said): string {
  if ('notReached' in said) return `not reached, ${said.notReached}`
  const says = said.says.map(quoted).join(', ')
  const never = (said.never ?? []).map(quoted).join(', ')
  return [says, never === '' ? '' : `never ${never}`].filter((part) => part !== '').join(', but ')
}

function quoted(words: string): string {
  if (!words.includes('`')) return `\`${words}\``
  const space = words.startsWith('`') || words.endsWith('`') ? ' ' : ''
  return `\`\`${space}${words}${space}\`\``
}
