import { z } from 'zod'
import { argv, checkFields, environmentVariable, minutes, movedVariables, unknownPlaceholders } from './fields.ts'

const buildPlaceholders = ['image', 'repository', 'version', 'commit', 'environment']

const buildSchema = checkFields(
  z.strictObject({
    run: z
      .array(argv)
      .min(1)
      .describe(
        'Commands that build and push, in order, without a shell, in a checkout of the planned commit. ' +
          '{image} (repository:version), {repository}, {version}, {commit} and {environment} are filled in.',
      ),
    timeoutMinutes: minutes.default(10).describe('How long all of them together may take.'),
    env: z
      .record(environmentVariable, z.string())
      .default({})
      .describe('Environment of the commands, beside PATH, HOME, LANG and TMPDIR. The same words are filled in.'),
    envFrom: movedVariables('build'),
  }),
  ['run', 'env'],
  ({ run, env }, problem) => {
    for (const [at, words] of run.entries())
      for (const [index, word] of words.entries())
        unknownPlaceholders(word, buildPlaceholders).forEach((text) => problem(['run', at, index], text))
    for (const [name, value] of Object.entries(env)) {
      unknownPlaceholders(value, buildPlaceholders).forEach((text) => problem(['env', name], text))
    }
  },
)

export const imageSchema = z.strictObject({
  repository: z
    .string()
    .regex(/^[^\s@]+$/, 'must be a repository as in valuecanvas/api or ghcr.io/acme/api, without a digest')
    .regex(/^(?!.*:[^/]*$)/, 'must not carry a tag: the version of the command becomes the tag')
    .describe('As in the Deployment, without tag: valuecanvas/api, ghcr.io/acme/api, 127.0.0.1:5000/valuecanvas/api.'),
  registryHosts: z
    .array(
      z
        .string()
        .regex(
          /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?$/i,
          'must be a host as in auth.example.com or *.example.com',
        ),
    )
    .default([])
    .describe("Hosts beyond the registry's own domain where it may ask for the login, or keep its blobs."),
  revision: z
    .enum(['require', 'warn', 'ignore'], { error: 'must be require, warn or ignore' })
    .default('warn')
    .describe(
      'What it means when the label org.opencontainers.image.revision does not name the commit of the tag. require: no plan. warn: a risk ' +
        'of the plan. ignore: it is not compared. An image that Purser builds itself has nobody to see a risk: there warn fails as well when another commit is named.',
    ),
  build: z
    .union([z.literal('none'), buildSchema], { error: 'must be none, or the commands that build and push' })
    .default('none')
    .describe('Who builds the image. none: CI has pushed it before the deploy. Otherwise Purser does, in pre-flight.'),
})
