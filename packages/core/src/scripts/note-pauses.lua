-- Takes note, in the first partition, of those of these pauses that there are, and answers them: others are about to make copies of them. Before that it is told
-- of the pauses that jobs of another partition have set themselves (`+` and the text), once each, and of those that have gone with their jobs (`-`).
local refused = founded_otherwise()
if refused then return refused end
local now = clock()
step.begin()

-- Of whatever type and value somebody else has set it.
local function is_said(pause, text)
  return redis.call('TYPE', pause).ok == 'string' and redis.call('GETRANGE', pause, 0, 8191) == text
end

for name, said in each(list.carried) do
  local pause, carried, text = arg.prefix .. 'pause:' .. name, arg.prefix .. 'carried:' .. name, string.sub(said, 2)
  if string.sub(said, 1, 1) == '+' then
    -- Whoever carries it may have died before it was known that he had, and somebody have ended the pause since.
    if redis.call('GET', carried) ~= text then
      redis.call('SET', carried, text, 'PX', 3600000)
      redis.call('SET', pause, text, 'NX')
    end
  elseif is_said(pause, text) then
    redis.call('DEL', pause)
    close_pause(name)
  end
end

local names, found = {}, {}
for name in each(list.names) do names[#names + 1] = name end
look_at_pauses(names)
for _, name in ipairs(names) do
  local pause = arg.prefix .. 'pause:' .. name
  if pause_seen[name] then
    redis.call('DEL', arg.prefix .. 'resumed:' .. name)
    note_pause(name, now)
    found[#found + 1] = name
    found[#found + 1] = redis.call('TYPE', pause).ok == 'string' and redis.call('GETRANGE', pause, 0, 8191) or ''
  end
end
flush_events(now)
return { int(now), found }
