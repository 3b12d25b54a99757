/** The proof that `npm run check:vectors` prints, and that it would notice what is not so. */
import t from 'tap'
import type { Vector } from '../../protocol-codecs/vectors/read-vectors.ts'
import { checkVectors } from './check.ts'
import { edgesOf, edgesShown, missing, versionsOf } from './coverage.ts'
import {
  checkedInDefinitions,
  definitionsOf,
  loadDefinitions,
  type MessageDefinition,
} from './message-definitions.ts'

t.test(
  'vectors cover every version of every message that clients and administrators send, and every edge',
  async t => {
    for (const { title, count, missing } of await checkVectors(loadDefinitions(checkedInDefinitions))) {
      t.ok(count > 600, title)
      t.same(missing, [], title)
    }
  },
)

const message: MessageDefinition = {
  name: 'WishRequest',
  type: 'request',
  apiKey: 7,
  listeners: ['broker'],
  validVersions: '1-2',
  flexibleVersions: '2+',
  fields: [
    { name: 'Name', type: 'string', versions: '0+', nullableVersions: '2+' },
    {
      name: 'Wishes',
      type: '[]Wish',
      versions: '1+',
      fields: [{ name: 'Count', type: 'int8', versions: '0+' }],
    },
    { name: 'Colour', type: 'int16', versions: '2+', taggedVersions: '2+', default: '4' },
  ],
}

t.test('a message that nobody has vectors of lacks all its edges', async t => {
  const definitions = definitionsOf([[message]])
  t.same([...versionsOf(definitions)], ['WishRequest 1', 'WishRequest 2'])
  t.same(missing(edgesOf(definitions), edgesShown([], definitions)), [
    'WishRequest 1 name empty',
    'WishRequest 1 name not empty',
    'WishRequest 1 wishes empty',
    'WishRequest 1 wishes not empty',
    'WishRequest 1 wishes.count greatest',
    'WishRequest 1 wishes.count least',
    'WishRequest 2 colour default',
    'WishRequest 2 colour greatest',
    'WishRequest 2 colour least',
    'WishRequest 2 colour not default',
    'WishRequest 2 name empty',
    'WishRequest 2 name not empty',
    'WishRequest 2 name not null',
    'WishRequest 2 name null',
    'WishRequest 2 unknown tags',
    'WishRequest 2 wishes empty',
    'WishRequest 2 wishes not empty',
    'WishRequest 2 wishes.count greatest',
    'WishRequest 2 wishes.count least',
  ])
})

t.test('vectors show the edges of the values that they hold, and of those that are left out', async t => {
  const definitions = definitionsOf([[message]])
  const vector = (version: number, json: Vector['json'], unknownTags?: true): Vector => ({
    ...{ message: 'WishRequest', version, case: 'a case', bytes: Buffer.alloc(0), json, madeBy: 'hand' },
    ...(unknownTags && { unknownTags }),
  })
  const vectors = [
    vector(1, { name: '', wishes: [] }),
    vector(1, { name: 'a', wishes: [{ count: -128 }, { count: 127 }] }),
    vector(2, { name: null, wishes: [] }, true),
    vector(2, { name: 'a', wishes: [{ count: 127 }], colour: 32767 }),
    vector(3, { name: '' }),
  ]
  t.same(missing(edgesOf(definitions), edgesShown(vectors, definitions)), [
    'WishRequest 2 colour least',
    'WishRequest 2 name empty',
    'WishRequest 2 wishes.count least',
  ])
})

t.test(
  'older releases add the versions that the newest no longer has, but none that were unstable',
  async t => {
    const old = { ...message, validVersions: '0-1', flexibleVersions: 'none' }
    const response = { ...old, name: 'WishResponse', type: 'response', validVersions: '0-4' }
    const gone = { ...old, name: 'GoneRequest', apiKey: 8 }
    const newest = [message, { ...message, name: 'WishResponse', type: 'response', listeners: undefined }]
    t.same([...versionsOf(definitionsOf([newest, [old, gone]]))].sort(), [
      'WishRequest 0',
      'WishRequest 1',
      'WishRequest 2',
      'WishResponse 1',
      'WishResponse 2',
    ])
    const unstable = definitionsOf([newest, [{ ...old, latestVersionUnstable: true }, response]])
    t.notOk(
      versionsOf(unstable).has('WishResponse 4'),
      'what is said of the request is meant of the response too',
    )
    t.ok(versionsOf(unstable).has('WishResponse 3'))
    const controller = { ...message, name: 'Inner', apiKey: 9, listeners: ['controller'] }
    t.notOk(definitionsOf([[controller]]).has('Inner'))
  },
)
