import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { isValidUtf8, payloadForJson, stamp } from '../../protocol/envelope.ts'
import { FoyerError } from '../../protocol/errors.ts'
import { scanJson } from '../../protocol/json-scan.ts'

const stamps = { id: 'A-----------', room: 'lobby', sender: 'ann "a"', timestamp: '2026-01-02T03:04:05.006Z' }
const head = '{"id":"A-----------","room":"lobby","sender":"ann \\"a\\"","timestamp":"2026-01-02T03:04:05.006Z"'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (payload: Uint8Array): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
const stamped = (payload: string): string => text(stamp(bytes(payload), stamps))
const parses = (json: string): boolean => {
  try {
    JSON.parse(json)
    return true
  } catch {
    return false
  }
}

/** JSON of all kinds, with whitespace and near misses. */
const nearJson = fc.oneof(
  fc.json(),
  fc.jsonValue().map(value => JSON.stringify(value, null, 2)),
  fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"id"', '"\\u0069d"', '"\\ud800"', '1', '-', '0', '.5', 'e', 'E+1', 'true', 'null', ' ', '\n', '"', '\\', '\t', '\u0001', 'é', '\ufeff'), { maxLength: 12 }).map(parts => parts.join(''))
)

/** Members as clients may write them: our names, escaped and repeated, and others. */
const key = fc.constantFrom('"id"', '"\\u0069d"', '"i\\u0064"', '"ref"', '"re\\u0066"', '"room"', '"\\u0072oom"', '"sender"', '"send\\u0065r"', '"timestamp"', '"time\\u0073tamp"', '"a"', '"__proto__"', '"Id"', '"ids"', '""')
const objects = fc.array(fc.tuple(key, fc.json({ maxDepth: 2 }), fc.constantFrom('', ' ', '\n\t')), { maxLength: 8 })
  .map(members => ({ members, json: `{${members.map(([k, v, space]) => `${space}${k}${space}:${space}${v}${space}`).join(',')}}` }))

describe('the JSON scanner', () => {
  it('accepts what JSON.parse accepts, and nothing else', () => {
    fc.assert(fc.property(nearJson, json => {
      assert.equal(scanJson(bytes(json)) !== null, parses(json), json)
    }), { numRuns: 5000 })
    for (const json of ['01', '1.', '.5', '+1', '-', '1e', '1e+', '-0', '0e0', '1E-2', 'nul', 'nulll', '[1,]', '[,1]', '{"a":1,}', '{,}', '{"a"}', '{a:1}', '[1 2]', '{"a":1 "b":2}', '"\\x"', '"\\u12"', '"\\u12g4"', '"a', '"\u0001"', '[}', '{]', '{"a":[}', '', ' ', '1 1', '[]]', '\u00a01', '"\u2028"', '"\u007f"']) {
      assert.equal(scanJson(bytes(json)) !== null, parses(json), json)
    }
  })

  it('finds the members of the top level', () => {
    const json = ' { "a" : [1, {"b": 2}] ,"c":"}" } '
    const { isObject, depth, members } = scanJson(bytes(json))!
    assert.deepEqual([isObject, depth], [true, 3])
    const parts = Array.from({ length: members.length / 2 }, (_, i) => json.slice(members[2 * i], members[2 * i + 1]))
    assert.deepEqual(parts, ['"a"', '[1, {"b": 2}]', '"c"', '"}"'])
  })
})

describe('stamping', () => {
  it('puts our members first, then the client\'s in their order, byte for byte', () => {
    assert.equal(stamped('{"text":"hi", "n": 1.0,"nested":{ "id" : 1 } }'), head + ',"text":"hi", "n": 1.0,"nested":{ "id" : 1 }}')
    assert.equal(stamped(' { } '), head + '}')
  })

  it('keeps numbers that JavaScript can\'t hold', () => {
    assert.equal(stamped('{"a":12345678901234567890,"b":1e400,"c":-0}'), head + ',"a":12345678901234567890,"b":1e400,"c":-0}')
    assert.equal(stamped(' 1e400\n'), head + ',"value":1e400}')
  })

  it('leaves out forged members, and keeps the client\'s id as ref', () => {
    assert.equal(stamped('{"id":7,"room":"x","a":1,"sender":"y","b":2,"timestamp":0}'), head + ',"ref":7,"a":1,"b":2}')
    assert.equal(stamped('{"a":1,"\\u0069d":"x","r\\u006Fom":1}'), head + ',"a":1,"ref":"x"}')
    assert.equal(stamped('{"id":1,"ref":2,"id":3,"a":4,"re\\u0066":5}'), head + ',"ref":3,"a":4}')
    assert.equal(stamped('{"ref":2,"a":4}'), head + ',"ref":2,"a":4}')
    assert.equal(stamped('{"Id":1,"ids":2,"i":3}'), head + ',"Id":1,"ids":2,"i":3}')
  })

  it('gives no id where there is none, and still takes the client\'s', () => {
    const out = text(stamp(bytes('{"id":7}'), { ...stamps, id: null }))
    assert.equal(out, '{' + head.slice('{"id":"A-----------",'.length) + ',"ref":7}')
  })

  it('wraps other JSON, text and bytes', () => {
    for (const json of ['[1, 2]', '-1.50', '"a"', 'null', 'true', '"\\ud800"']) assert.equal(stamped(json), `${head},"value":${json}}`)
    assert.equal(stamped('hello "you"\n'), head + ',"text":"hello \\"you\\"\\n"}')
    assert.equal(stamped('\ufeff{}'), head + ',"text":"\ufeff{}"}')
    assert.equal(text(stamp(Uint8Array.of(0xff, 0x00), stamps)), head + ',"data":"/wA=","encoding":"base64"}')
  })

  it('leaves an empty payload empty', () => {
    assert.equal(stamp(new Uint8Array(0), stamps).length, 0)
  })

  it('always gives an object with our stamps, whatever was sent', () => {
    const anything = fc.oneof(fc.uint8Array({ minLength: 1 }), nearJson.filter(json => json !== '').map(bytes), objects.map(({ json }) => bytes(json)), fc.string({ unit: 'grapheme', minLength: 1 }).map(bytes))
    fc.assert(fc.property(anything, fc.boolean(), (payload, stored) => {
      const given = stored ? stamps : { ...stamps, id: null }
      const out = text(stamp(payload, given))
      const value = JSON.parse(out)
      assert.equal(value.room, stamps.room)
      assert.equal(value.sender, stamps.sender)
      assert.equal(value.timestamp, stamps.timestamp)
      assert.equal(value.id, stored ? stamps.id : undefined)
      const { members } = scanJson(bytes(out))!
      const keys = Array.from({ length: members.length / 4 }, (_, i) => JSON.parse(text(bytes(out).subarray(members[4 * i], members[4 * i + 1]))) as string)
      for (const name of ['room', 'sender', 'timestamp', 'id']) assert.equal(keys.filter(k => k === name).length, name === 'id' && !stored ? 0 : 1, name)
    }), { numRuns: 3000 })
  })

  it('keeps what the client sent beside our names, and its last id as ref', () => {
    fc.assert(fc.property(objects, ({ members, json }) => {
      const named = members.map(([k, v]) => ({ name: JSON.parse(k) as string, k, v }))
      const id = named.findLastIndex(({ name }) => name === 'id')
      const ours = new Set(['id', 'room', 'sender', 'timestamp'])
      const expected = named.flatMap(({ name, k, v }, i) => {
        if (i === id) return [`"ref":${v}`]
        return ours.has(name) || (name === 'ref' && id >= 0) ? [] : [`${k}:${v}`]
      })
      const out = stamp(bytes(json), stamps)
      const { members: found } = scanJson(out)!
      const written = Array.from({ length: found.length / 4 }, (_, i) => {
        const [a, b, c, d] = found.slice(4 * i, 4 * i + 4)
        return `${text(out.subarray(a, b))}:${text(out.subarray(c, d))}`
      })
      assert.deepEqual(written.slice(4), expected)
    }), { numRuns: 1000 })
  })

  it('takes JSON of 64 levels, refuses deeper, and is not impressed by 200,000', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    assert.equal(stamped(nested(64)), `${head},"value":${nested(64)}}`)
    assert.equal(stamped(`{"a":${nested(63)}}`), `${head},"a":${nested(63)}}`)
    for (const json of [nested(65), `{"a":${nested(64)}}`, nested(200_000), '{"a":'.repeat(200_000) + '1' + '}'.repeat(200_000)]) {
      assert.throws(() => stamped(json), (error: unknown) => error instanceof FoyerError && error.code === 'schema' && error.message === 'JSON is nested deeper than 64 levels')
    }
    const unclosed = '['.repeat(200_000)
    assert.equal(stamped(unclosed), `${head},"text":"${unclosed}"}`)
  })
})

describe('valid UTF-8', () => {
  it('is what a strict decoder takes', () => {
    const edge = fc.array(fc.constantFrom(0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff), { maxLength: 8 }).map(list => Uint8Array.from(list))
    fc.assert(fc.property(fc.oneof(edge, fc.uint8Array(), fc.string({ unit: 'binary' }).map(bytes)), payload => {
      let valid = true
      try {
        text(payload)
      } catch {
        valid = false
      }
      assert.equal(isValidUtf8(payload), valid)
    }), { numRuns: 10_000 })
  })
})

describe('a payload in JSON', () => {
  it('is its value, else its text, else its bytes', () => {
    assert.deepEqual(payloadForJson(bytes(' {"a":[1]}')), { a: [1] })
    assert.equal(payloadForJson(bytes('21.5')), 21.5)
    assert.equal(payloadForJson(bytes('on')), 'on')
    assert.equal(payloadForJson(bytes('\ufeff1')), '\ufeff1')
    assert.equal(payloadForJson(new Uint8Array(0)), '')
    assert.deepEqual(payloadForJson(Uint8Array.of(0xc3)), { data: 'ww==', encoding: 'base64' })
  })

  it('can always be written again', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    assert.equal(payloadForJson(bytes(deep)), deep)
    fc.assert(fc.property(fc.uint8Array(), payload => {
      const value = payloadForJson(payload)
      assert.equal(parses(JSON.stringify(value)), true)
      if (typeof value === 'object' && value !== null && 'encoding' in value) {
        assert.deepEqual(value, { data: Buffer.from(payload).toString('base64'), encoding: 'base64' })
      }
    }))
  })
})
