import { test } from 'node:test'
import { assertOneRoot, federation } from '../support/federations.ts'

test('sixteen peers in one process end with one root', async (context) => {
  assertOneRoot(await federation(context, { members: 16, topology: 'mesh' }))
})

test('eight peers of which seven only dial out end with one root', async (context) => {
  assertOneRoot(await federation(context, { members: 8, topology: 'star' }))
})
