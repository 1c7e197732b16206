def test_x(api):
    api.enrol(email="typo@exmaple.test")
    api.enrol(email="right@example.test", plan="yearly")
    print(api.world.rows("select email from customer")); assert 0
