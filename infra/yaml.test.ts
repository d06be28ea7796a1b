import { expect, test } from 'vitest';
import { yamlText } from './yaml.ts';

test('short things stand in a line, others in a block, and comments above what they are about', () => {
  const value = {
    Bucket: {
      comment: 'Where tables are.',
      Type: 'AWS::S3::Bucket',
      Properties: { Name: { Ref: 'Name' }, Rules: [{ Id: 'a', Days: 1 }, { Id: 'b' }], Empty: {}, None: [] },
    },
  };
  expect(yamlText(value).split('\n')).toEqual([
    '# Where tables are.',
    'Bucket:',
    '  Type: AWS::S3::Bucket',
    '  Properties:',
    '    Name: { Ref: Name }',
    '    Rules:',
    '      - Id: a',
    '        Days: 1',
    '      - { Id: b }',
    '    Empty: {}',
    '    None: []',
    '',
  ]);
});

test('text that YAML would take for something else is quoted', () => {
  const words = ['true', 'no', '2012-10-17', '', '*', 'a: b', 'a #b', 'x, y', `\${AWS::Region}`, '-1', 'ends:'];
  expect(yamlText(words.map(word => ({ word, and: 1 })))).toBe(
    words.map(word => `- word: ${JSON.stringify(word)}\n  and: 1\n`).join(''),
  );
});

test('a long comment is broken between words', () => {
  const text = yamlText({ a: { comment: 'word '.repeat(40).trim(), b: 1 } });
  expect(text.split('\n').filter(line => line.startsWith('# word')).length).toBe(2);
  expect(text.split('\n').every(line => line.length <= 120)).toBe(true);
});

test('what is undefined is left out', () => {
  expect(yamlText({ a: undefined, b: 1 })).toBe('b: 1\n');
});
