import { actions, button, code, message, type Message, paragraph } from '../blocks/message.ts'

/** A deploy or plan as somebody asked for it. */
export interface AskedDeploy {
  readonly version: string
  readonly environment: string
  readonly dryRun: boolean
  readonly rotateSecret: boolean
  /** Why it is deployed in spite of a freeze. */
  readonly overrideFreeze?: string | undefined
}

/** The button of such an answer, which asks for the same with the nearest tag. */
export const deployNearestId = 'deploy_nearest'

/** Says that the repository has no such tag, and offers the nearest one. `nearest` is the best first. */
export function noSuchVersion(asked: AskedDeploy, nearest: readonly string[]): Message {
  const text = worded(asked.version, nearest, (name) => code(name, 100))
  const [best] = nearest
  if (best === undefined) return message(text, [paragraph(text)])
  const label = `${asked.dryRun ? 'Plan' : 'Deploy'} ${best}`
  const value = JSON.stringify({ ...asked, version: best })
  return message(text, [paragraph(text), ...actions([button(label, deployNearestId, value)])])
}

/** The same in plain text, as it is shown below a field. */
export function noSuchVersionText(version: string, nearest: readonly string[]): string {
  return worded(version, nearest, (name) => name)
}

function worded(version: string, nearest: readonly string[], name: (text: string) => string): string {
  const closest = nearest.length === 0 ? 'The repository has no versions.' : `Closest: ${nearest.map(name).join(', ')}.`
  return `There's no tag ${name(version)}. ${closest}`
}
