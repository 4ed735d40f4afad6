import assert from 'node:assert/strict'
import { html } from '../../../../bridge/http/page/html.ts'

describe('HTML from templates', () => {
  it('takes every value for text, in elements and in attributes', () => {
    const evil = '"\'><script>&amp;'
    assert.equal(html`<a title="${evil}">${evil}</a>`.text, '<a title="&quot;&#39;&gt;&lt;script&gt;&amp;amp;">&quot;&#39;&gt;&lt;script&gt;&amp;amp;</a>')
    assert.equal(html`${1}`.text, '1')
  })

  it('nests what it made itself, lists included', () => {
    assert.equal(html`<ul>${['a<', 'b'].map((text) => html`<li>${text}</li>`)}</ul>`.text, '<ul><li>a&lt;</li><li>b</li></ul>')
    assert.equal(html`<p>${html`<b>${'&'}</b>`}</p>`.text, '<p><b>&amp;</b></p>')
  })
})
