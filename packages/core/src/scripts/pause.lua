-- Sets a pause's key, and tells of it: from then on no attempt of what it names starts.
local now = clock()
step.begin()
local pause = arg.prefix .. 'pause:' .. arg.name
if arg.until_ms == '' then redis.call('SET', pause, arg.value) else redis.call('SET', pause, arg.value, 'PXAT', arg.until_ms) end
redis.call('DEL', arg.prefix .. 'resumed:' .. arg.name)
redis.call('HSET', key.pauses, arg.name, int(now) .. ' ' .. int(now))
tell('paused ' .. arg.name .. ' ' .. int(now) .. ' ' .. pause_text(arg.name))
flush_events(now)
return int(now)
